/// A caller that waits for a slot at any of several keys.
struct SlotWaiter: Sendable {
    enum Outcome: Sendable {
        /// A slot at the key with this index.
        case admitted(Int, RouterHealth.Ticket)
        /// The circuit of the key with this index has opened meanwhile.
        case open(Int, retryAfter: Double)
        case timedOut
        case cancelled
    }

    struct Wake: Sendable {
        let continuation: CheckedContinuation<Outcome, Never>
        let outcome: Outcome
        func resume() { continuation.resume(returning: outcome) }
    }

    let keys: [(key: HealthKey, limit: Int?)]
    var continuation: CheckedContinuation<Outcome, Never>?
    /// Set where the end came before anybody listened.
    var outcome: Outcome?
}

extension RouterHealth {
    /// Waits in line for a slot at any of the keys, at most ``Settings/slotWait``.
    func wait(for keys: [(key: HealthKey, limit: Int?)]) async -> SlotWaiter.Outcome {
        let id = enqueue(keys)
        let timer = Task {
            try await self.settings.sleep(self.settings.slotWait)
            self.end(id, .timedOut)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = table.withLock { table -> SlotWaiter.Outcome? in
                    if let outcome = table.waiters[id]?.outcome {
                        table.waiters[id] = nil
                        return outcome
                    }
                    table.waiters[id]?.continuation = continuation
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            end(id, .cancelled)
        }
    }

    private func enqueue(_ keys: [(key: HealthKey, limit: Int?)]) -> Int {
        let now = settings.now()
        let (id, wake) = table.withLock { table in
            table.lastWaiter += 1
            let id = table.lastWaiter
            table.waiters[id] = SlotWaiter(keys: keys)
            for (key, _) in keys { withHealth(of: key, in: &table) { $0.waiters.append(id) } }
            // A slot may have come free since the caller looked.
            var wake: [SlotWaiter.Wake] = []
            for (key, _) in keys where table.waiters[id]?.outcome == nil { wake += handOver(key, at: now, in: &table) }
            return (id, wake)
        }
        for waiter in wake { waiter.resume() }
        return id
    }

    /// Ends a wait, unless it has ended.
    private func end(_ id: Int, _ outcome: SlotWaiter.Outcome) {
        let wake = table.withLock { table in finish(id, outcome, in: &table) }
        wake?.resume()
    }

    private func finish(_ id: Int, _ outcome: SlotWaiter.Outcome, in table: inout Table) -> SlotWaiter.Wake? {
        guard let waiter = table.waiters[id], waiter.outcome == nil else { return nil }
        for (key, _) in waiter.keys { withHealth(of: key, in: &table) { $0.waiters.removeAll { $0 == id } } }
        guard let continuation = waiter.continuation else {
            table.waiters[id]?.outcome = outcome
            return nil
        }
        table.waiters[id] = nil
        return SlotWaiter.Wake(continuation: continuation, outcome: outcome)
    }

    /// Gives free slots of a key to those that wait for it, in order.
    func handOver(_ key: HealthKey, at now: ContinuousClock.Instant, in table: inout Table) -> [SlotWaiter.Wake] {
        var wake: [SlotWaiter.Wake] = []
        while let id = table.keys[key]?.waiters.first {
            guard let waiter = table.waiters[id], let index = waiter.keys.firstIndex(where: { $0.key == key }) else {
                withHealth(of: key, in: &table) { _ = $0.waiters.removeFirst() }
                continue
            }
            let outcome: SlotWaiter.Outcome
            switch admit(key, limit: waiter.keys[index].limit, at: now, isNext: true, in: &table) {
            case .busy: return wake
            case .admitted(let ticket): outcome = .admitted(index, ticket)
            case .open(let retryAfter): outcome = .open(index, retryAfter: retryAfter)
            }
            if let woken = finish(id, outcome, in: &table) { wake.append(woken) }
        }
        return wake
    }
}
