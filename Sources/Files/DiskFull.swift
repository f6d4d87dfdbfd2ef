import Domain
import Foundation
import Knowledge
import LocalModels
import Store

/// Whether an error means that a disk has no room left, whoever met it: the database, a file, or a child.
public enum DiskFull {
    /// The code that jobs and replies have for it.
    public static let code = JobFailure.Code.diskFull.rawValue

    public static func isCause(of error: any Error) -> Bool {
        switch error {
        case DatabaseError.diskFull: true
        case let error as LocatedError: error.code.map(DiskSpace.isExhausted) ?? false
        case let error as LocalModelError: error.code == .diskFull
        case KnowledgeError.diskFull: true
        case let error as JobFailure: error.code == code
        default: isCause(of: error as NSError)
        }
    }

    /// Of the file system. By domain and number: on Linux an `NSError` of any domain can be taken for a `CocoaError`.
    private static func isCause(of error: NSError) -> Bool {
        switch error.domain {
        case NSPOSIXErrorDomain: DiskSpace.isExhausted(Int32(clamping: error.code))
        case NSCocoaErrorDomain:
            error.code == CocoaError.Code.fileWriteOutOfSpace.rawValue || (error.userInfo[NSUnderlyingErrorKey] as? any Error).map(isCause) ?? false
        default: false
        }
    }
}
