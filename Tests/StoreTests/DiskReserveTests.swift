import Foundation
import Store
import Testing

@Suite struct DiskReserveTests {
    private func withReserve(_ body: (DiskReserve, URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-reserve-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(DiskReserve(folder: folder.path, bytes: 1 << 20), folder)
    }

    @Test func itTakesRealRoomAndIsPrivate() async throws {
        try await withReserve { reserve, folder in
            #expect(reserve.bytes == 0)
            reserve.refill()
            #expect(reserve.bytes == 1 << 20)
            var info = stat()
            #expect(stat(folder.appending(path: DiskReserve.fileName).path, &info) == 0)
            #expect(info.st_blocks * 512 >= 1 << 20, "a file with holes keeps nothing free")
            #expect(info.st_mode & 0o777 == 0o600)
        }
    }

    @Test func itGivesUpOnlyWhatIsNeededAndTakesItBack() async throws {
        try await withReserve { reserve, _ in
            reserve.refill()
            var sizes: [Int] = []
            let done = try await reserve.lend {
                sizes.append(reserve.bytes)
                // Nobody takes back what is lent.
                reserve.refill()
                #expect(reserve.bytes == sizes.last)
                await Task.yield()
                guard sizes.count == 3 else { throw DatabaseError.diskFull("x") }
                return "done"
            }
            #expect(done == "done" && sizes == [3 << 18, 2 << 18, 1 << 18])
            #expect(reserve.bytes == 1 << 20)
        }
    }

    @Test func whatNeedsMoreThanAllOfItIsRefused() async throws {
        try await withReserve { reserve, _ in
            reserve.refill()
            var tries = 0
            await #expect {
                try await reserve.lend {
                    tries += 1
                    await Task.yield()
                    throw DatabaseError.diskFull("x")
                }
            } throws: { error in
                if case DatabaseError.diskFull = error { true } else { false }
            }
            #expect(tries == 4 && reserve.bytes == 1 << 20)
            // Another failure is nobody's full disk.
            await #expect(throws: StoreError.self) { try await reserve.lend { () async throws in throw StoreError.notFound("x") } }
            #expect(reserve.bytes == 1 << 20)
        }
    }

    @Test func withoutRoomThereIsNone() async throws {
        try await withReserve { _, folder in
            let reserve = DiskReserve(folder: folder.path, bytes: 1 << 60)
            reserve.refill()
            #expect(reserve.bytes == 0)
        }
    }

    @Test func aClosedDatabaseHasItsRowsInItsOwnFile() async throws {
        try await withReserve { _, folder in
            let path = folder.appending(path: "x.sqlite").path
            let database = try SQLiteDatabase(path: path)
            try await database.write { try $0.script("CREATE TABLE t (x BIGINT); INSERT INTO t VALUES (1)") }
            // Another process that has it open: the last to close would do it by itself.
            let beside = try SQLiteDatabase(path: path)
            #expect(try await beside.read { try $0.query("SELECT x FROM t").count } == 1)
            try database.close()
            let log = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
            #expect(log == 0)
            try beside.close()
        }
    }
}
