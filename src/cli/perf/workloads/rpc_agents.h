// The two sides of request and reply.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cli/perf/link.h"

namespace polymq::perf {

struct RpcClientSettings {
  std::string request_queue;
  std::size_t size = 0;
  bool direct_reply_to = false;
  /// Declare, consume and delete a reply queue for every request, instead of one for all.
  bool queue_per_request = false;
  std::uint64_t limit = 0;  ///< requests; 0 = no limit
};

/// Sends a request when the reply to the last one is there. Counts requests as sent, replies as
/// received; the latency of a request begins with the first frame that it needs.
class RpcClient final : public Link {
 public:
  static Result<std::unique_ptr<RpcClient>> make(Client client, Worker& worker,
                                                 const RpcClientSettings& settings);
  RpcClient(Client client, Worker& worker, const RpcClientSettings& settings,
            std::string reply_queue);

  void begin(Nanos start) override;

 protected:
  void on_frame(const Frame& frame) override;

 private:
  void begin_request();
  void publish();
  void on_method(const Frame& frame);
  void on_reply();
  void end_request();

  const RpcClientSettings settings_;
  const std::string body_;
  std::string reply_queue_;
  Nanos request_began_ = 0;
  std::uint64_t body_left_ = 0;
  std::uint64_t done_ = 0;
};

/// Answers every request with its own body. Counts nothing.
class RpcServer final : public Link {
 public:
  static Result<std::unique_ptr<RpcServer>> make(Client client, Worker& worker,
                                                 const std::string& request_queue);
  RpcServer(Client client, Worker& worker) : Link(std::move(client), worker) {}

 protected:
  void on_frame(const Frame& frame) override;

 private:
  void reply();

  std::string properties_;
  std::string body_;
  std::uint64_t body_size_ = 0;
};

}  // namespace polymq::perf
