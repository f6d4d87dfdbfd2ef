import Calls
import Domain
import Providers

/// Spans as `ExportTraceServiceRequest` in JSON
/// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal, 64-bit
/// numbers as strings.
enum OTLP {
    static func request(_ spans: [Span], version: String) -> String {
        let object: JSONValue = [
            "resourceSpans": [
                [
                    "resource": ["attributes": [attribute("service.name", .text("atelier")), attribute("service.version", .text(version))]],
                    "scopeSpans": [["scope": ["name": "atelier", "version": .string(version)], "spans": .array(spans.map(span))]],
                ]
            ]
        ]
        return object.serialized()
    }

    private static func span(_ span: Span) -> JSONValue {
        var object: [String: JSONValue] = [
            "traceId": .string(span.traceID), "spanId": .string(span.id), "name": .string(span.name), "kind": .int(span.kind.rawValue),
            "startTimeUnixNano": .string(String(span.start)), "endTimeUnixNano": .string(String(max(span.start, span.end))),
            "attributes": .array(span.attributes.sorted { $0.key < $1.key }.map { attribute($0.key, $0.value) }),
            // 2 is STATUS_CODE_ERROR; without one the status is unset, as the conventions want it.
            "status": span.isError ? ["code": 2] : [:],
        ]
        object["parentSpanId"] = span.parentID.map { .string($0) }
        return .object(object)
    }

    private static func attribute(_ key: String, _ value: Span.Value) -> JSONValue {
        switch value {
        case .text(let text): ["key": .string(key), "value": ["stringValue": .string(text)]]
        case .number(let number): ["key": .string(key), "value": ["intValue": .string(String(number))]]
        }
    }
}
