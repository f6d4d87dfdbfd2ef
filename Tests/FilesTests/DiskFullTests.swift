import Files
import Foundation
import Knowledge
import LocalModels
import Store
import Testing

@Suite struct DiskFullTests {
    /// The kernel's own full disk.
    @Test(.enabled("needs /dev/full") { FileManager.default.fileExists(atPath: "/dev/full") })
    func whatAFullDiskMakesAFileSayIsKnown() throws {
        let handle = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        #expect { try handle.write(contentsOf: Data("x".utf8)) } throws: { DiskFull.isCause(of: $0) }
    }

    @Test(
        arguments: [
            DatabaseError.diskFull("x"), LocatedError("cannot write", ENOSPC), LocatedError("cannot write", EDQUOT), CocoaError(.fileWriteOutOfSpace),
            POSIXError(.ENOSPC), NSError(domain: NSPOSIXErrorDomain, code: Int(EDQUOT)), LocalModelError(code: .diskFull, message: "x"),
            KnowledgeError.diskFull(what: "x"), CocoaError(.fileWriteUnknown, userInfo: [NSUnderlyingErrorKey: POSIXError(.EDQUOT)]),
        ] as [any Error])
    func everyFormOfIt(_ error: any Error) { #expect(DiskFull.isCause(of: error)) }

    @Test(
        arguments: [
            DatabaseError.unavailable("x"), LocatedError("cannot write", EIO), LocatedError("the disk is full"), CocoaError(.fileNoSuchFile),
            POSIXError(.EIO), LocalModelError(code: .serverFailed, message: "x"), CancellationError(),
        ] as [any Error])
    func nothingElse(_ error: any Error) { #expect(!DiskFull.isCause(of: error)) }
}
