import CPostgres

/// Reads a result in text form into the types both databases share.
enum PostgresRows {
    static func read(_ result: OpaquePointer?) -> [Row] {
        let columns = PQnfields(result)
        let names = (0..<columns).map { String(cString: PQfname(result, $0)) }
        let types = (0..<columns).map { PQftype(result, $0) }
        return (0..<PQntuples(result)).map { row in
            var values: [String: SQLValue] = Dictionary(minimumCapacity: names.count)
            for column in 0..<columns where values[names[Int(column)]] == nil {
                values[names[Int(column)]] = PQgetisnull(result, row, column) == 1 ? .null : value(result, row, column, types[Int(column)])
            }
            return Row(values)
        }
    }

    private static func value(_ result: OpaquePointer?, _ row: Int32, _ column: Int32, _ type: Oid) -> SQLValue {
        let start = UnsafeRawPointer(PQgetvalue(result, row, column))
        let text = String(decoding: UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column))), as: UTF8.self)
        switch type {
        // int8, int2, int4, oid
        case 20, 21, 23, 26: return Int64(text).map(SQLValue.integer) ?? .text(text)
        // float4, float8
        case 700, 701: return Double(text).map(SQLValue.real) ?? .text(text)
        // numeric: what a sum of whole numbers is
        case 1700: return Int64(text).map(SQLValue.integer) ?? Double(text).map(SQLValue.real) ?? .text(text)
        // bool
        case 16: return .integer(text == "t" ? 1 : 0)
        default: return .text(text)
        }
    }
}
