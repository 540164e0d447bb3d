#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/sync.h"
#include "net/asio.h"
#include "net/http_message.h"
#include "net/http_options.h"
#include "net/memory_budget.h"

namespace hadron::net {

class Connection;

/// What the connections of one server share. Each connection keeps it alive, because an answer may
/// come after the server has stopped. Thread-safe.
class ConnectionHost {
 public:
  ConnectionHost(HttpServerOptions options_in, HttpHandler& handler_in, MemoryBudget* budget_in)
      : options(std::move(options_in)), handler(handler_in), budget(budget_in) {
    for (unsigned i = 0; i < options.threads; ++i) {
      contexts.push_back(std::make_unique<asio::io_context>(1));
    }
  }

  const HttpServerOptions options;
  HttpHandler& handler;
  MemoryBudget* const budget;
  /// One for each thread: threads that share one wake each other for every event. A connection
  /// stays where it was accepted.
  std::vector<std::unique_ptr<asio::io_context>> contexts;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> answering{0};  ///< requests handed over and not yet fully answered
  std::function<void()> on_closed;        ///< set before the first connection; any io thread

  std::size_t connections() const { return count_.load(); }

  /// The threads of the contexts have ended: from now on what is posted is run by whoever posts it.
  /// A task that nobody runs would keep its connection, that this object, and that the task.
  void Retire() {
    retired_.store(true);
    RunLeft();
  }
  /// After a task was posted by another thread than the contexts'. The caller holds this object.
  void RunLeft() {
    if (!retired_.load() || left_.fetch_add(1) > 0) return;  // whoever runs them looks again
    for (std::size_t seen = 1;;) {
      for (const auto& context : contexts) {
        context->restart();
        context->poll();
      }
      if (left_.compare_exchange_strong(seen, 0)) return;
    }
  }

  /// For the next connection.
  asio::io_context& NextContext() { return *contexts[next_.fetch_add(1) % contexts.size()]; }

  void Add(const std::shared_ptr<Connection>& connection) {
    ++count_;
    base::MutexLock lock(mutex_);
    open_.emplace(connection.get(), connection);
  }
  void Remove(Connection* connection) {
    {
      base::MutexLock lock(mutex_);
      if (open_.erase(connection) == 0) return;
    }
    --count_;
    if (on_closed) on_closed();
  }
  std::vector<std::shared_ptr<Connection>> Open() const {
    std::vector<std::shared_ptr<Connection>> open;
    base::MutexLock lock(mutex_);
    for (const auto& [key, weak] : open_) {
      if (auto connection = weak.lock()) open.push_back(std::move(connection));
    }
    return open;
  }

 private:
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> count_{0};
  std::atomic<bool> retired_{false};
  std::atomic<std::size_t> left_{0};  ///< how often RunLeft was called while somebody was in it
  mutable base::Mutex mutex_;
  std::unordered_map<Connection*, std::weak_ptr<Connection>> open_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::net
