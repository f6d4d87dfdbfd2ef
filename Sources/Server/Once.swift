import Synchronization

/// True once.
final class Once: Sendable {
    private let isOver = Atomic(false)
    func first() -> Bool { !isOver.exchange(true, ordering: .relaxed) }
}
