// Requests and replies over reply queues or direct reply-to.
#include "cli/perf/workloads/rpc_agents.h"

#include "amqp091/properties.h"

namespace polymq::perf {
namespace {

constexpr std::string_view kDirectReplyTo = "amq.rabbitmq.reply-to";
constexpr method::QueueDeclare kReplyQueue{.exclusive = true, .auto_delete = true};

Result<void> consume(Client& client, std::string_view queue) {
  const auto consuming =
      client.call<method::BasicConsumeOk>(method::BasicConsume{.queue = queue, .no_ack = true});
  if (!consuming) return tl::make_unexpected(consuming.error());
  return {};
}

}  // namespace

Result<std::unique_ptr<RpcClient>> RpcClient::make(Client client, Worker& worker,
                                                   const RpcClientSettings& settings) {
  std::string reply_queue;
  if (settings.direct_reply_to) {
    reply_queue = kDirectReplyTo;
  } else if (!settings.queue_per_request) {
    const auto declared = client.call<method::QueueDeclareOk>(kReplyQueue);
    if (!declared) return tl::make_unexpected(declared.error());
    reply_queue = declared->queue;
  }
  if (!reply_queue.empty()) {
    if (auto consuming = consume(client, reply_queue); !consuming) {
      return tl::make_unexpected(consuming.error());
    }
  }
  return std::make_unique<RpcClient>(std::move(client), worker, settings, std::move(reply_queue));
}

RpcClient::RpcClient(Client client, Worker& worker, const RpcClientSettings& settings,
                     std::string reply_queue)
    : Link(std::move(client), worker),
      settings_(settings),
      body_(settings.size, 'x'),
      reply_queue_(std::move(reply_queue)) {}

void RpcClient::begin(Nanos start) {
  begin_request();
  Link::begin(start);
}

void RpcClient::begin_request() {
  request_began_ = now();
  worker().counters.sent.add(1);
  worker().counters.last_sent.set(static_cast<std::uint64_t>(request_began_));
  if (settings_.queue_per_request) {
    encode_method(out(), kChannel, kReplyQueue);
  } else {
    publish();
  }
}

void RpcClient::publish() {
  amqp091::Properties properties;
  properties.reply_to = reply_queue_;
  properties.correlation_id = "1";
  encode_method(out(), kChannel, method::BasicPublish{.routing_key = settings_.request_queue});
  encode_content(out(), kChannel, amqp091::encode(properties), body_, frame_max());
}

void RpcClient::on_frame(const Frame& frame) {
  if (frame.type == FrameType::kMethod) return on_method(frame);
  if (frame.type == FrameType::kHeader) {
    body_left_ = amqp091::parse_content_header(frame.payload).body_size;
  } else {
    body_left_ -= frame.payload.size();
  }
  if (body_left_ == 0) on_reply();
}

void RpcClient::on_method(const Frame& frame) {
  const auto handle = [&]<class M>(const M& received) {
    if constexpr (std::is_same_v<M, method::QueueDeclareOk>) {
      reply_queue_ = received.queue;
      encode_method(out(), kChannel, method::BasicConsume{.queue = reply_queue_, .no_ack = true});
    } else if constexpr (std::is_same_v<M, method::BasicConsumeOk>) {
      publish();
    } else if constexpr (std::is_same_v<M, method::QueueDeleteOk>) {
      end_request();
    } else if constexpr (std::is_same_v<M, method::BasicCancel>) {
      // Deleting its queue cancels the consumer; otherwise it should stay.
      if (!settings_.queue_per_request) fail("the server cancelled a consumer of replies");
    }
  };
  amqp091::dispatch<method::ToClient>(Client::method_of(frame), frame.payload.substr(4), handle);
}

void RpcClient::on_reply() {
  Counters& counters = worker().counters;
  counters.received.add(1);
  counters.last_received.set(static_cast<std::uint64_t>(input_time()));
  counters.latency.record(static_cast<std::uint64_t>(input_time() - request_began_));
  if (settings_.queue_per_request) {
    encode_method(out(), kChannel, method::QueueDelete{.queue = reply_queue_});
  } else {
    end_request();
  }
}

void RpcClient::end_request() {
  if (++done_ == settings_.limit) {
    worker().run.finished();
  } else {
    begin_request();
  }
}

Result<std::unique_ptr<RpcServer>> RpcServer::make(Client client, Worker& worker,
                                                   const std::string& request_queue) {
  if (auto consuming = consume(client, request_queue); !consuming) {
    return tl::make_unexpected(consuming.error());
  }
  return std::make_unique<RpcServer>(std::move(client), worker);
}

void RpcServer::on_frame(const Frame& frame) {
  if (frame.type == FrameType::kMethod) {
    if (Client::method_of(frame) == method::BasicCancel::kId) {
      fail("the server cancelled the consumer of requests");
    }
    return;
  }
  if (frame.type == FrameType::kHeader) {
    const auto header = amqp091::parse_content_header(frame.payload);
    properties_ = header.properties;
    body_size_ = header.body_size;
    body_.clear();
  } else {
    body_ += frame.payload;
  }
  if (body_.size() >= body_size_) reply();
}

void RpcServer::reply() {
  amqp091::Properties request;
  if (amqp091::parse(properties_, request) != amqp091::PropertiesStatus::kOk || !request.reply_to) {
    return fail("a request without reply-to arrived: is someone else using the queue?");
  }
  amqp091::Properties properties;
  properties.correlation_id = request.correlation_id;
  encode_method(out(), kChannel, method::BasicPublish{.routing_key = *request.reply_to});
  encode_content(out(), kChannel, amqp091::encode(properties), body_, frame_max());
}

}  // namespace polymq::perf
