import Answers
import NIOCore
import NIOPosix

/// Runs tasks on the event loop they were woken from, so that a request, its call upstream and the reply
/// need no change of thread. Nothing that blocks or computes for long may run here.
final class EventLoopExecutor: TaskExecutor {
    static let shared = EventLoopExecutor()

    private init() {}

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        // The current event loop where there is one.
        MultiThreadedEventLoopGroup.singleton.any().execute { job.runSynchronously(on: executor) }
    }
}

extension AnswerRun {
    /// What its tasks run on: stages beside the model's call compute for long.
    var executor: (any TaskExecutor)? { isDirect ? EventLoopExecutor.shared : nil }
}
