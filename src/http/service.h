// Who answers requests, and the handle by which that is done, at once or later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/stream.h"
#include "http/message.h"

namespace polymq::http {

struct Link;

/// One request that waits for its answer. The connection looks at no other request meanwhile.
/// Thread: the connection's shard. May outlive the connection: then it does nothing any more.
/// Destroyed without an answer it gives status 500.
class Exchange {
 public:
  Exchange(std::shared_ptr<Link> link, std::uint64_t number);
  Exchange(Exchange&&) noexcept = default;
  Exchange& operator=(Exchange&& other) noexcept;
  ~Exchange();

  /// Once. Nothing is done when the client has gone.
  void answer(Response response);
  /// Who asks. Not behind answer().
  const Peer& peer() const;
  /// Does the client still wait?
  bool waiting() const;
  /// The same, as of this moment: a client that has closed its side waits no more, although the
  /// connection has not heard of it yet. Costs a system call; for answers that must not get lost.
  bool waiting_now() const;
  /// `gone` is called, once, when the client goes away before it was answered: it closed the
  /// connection or at least its side of it, or the connection broke. What was kept for it goes to
  /// somebody else. Called at once if that has happened already. Without this a client that has
  /// closed its side only is still answered.
  void when_gone(std::function<void()> gone);

 private:
  void drop();

  std::shared_ptr<Link> link_;
  std::uint64_t number_ = 0;
};

/// Shard: one object for each shard and listener, called on the shard's thread.
class Service {
 public:
  virtual ~Service() = default;
  /// A complete request. `exchange` is answered here or later.
  virtual void handle(Request request, Exchange exchange) = 0;
  /// The server is about to end: what waits for something to happen is to be answered soon. There
  /// may be further requests.
  virtual void shutting_down() {}
};

}  // namespace polymq::http
