// What the wire layer costs per message: finding frames, decoding publishes and acks, scanning
// properties, writing deliveries.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "amqp091/codec.h"
#include "amqp091/properties.h"

namespace polymq::amqp091 {
namespace {

std::string publishes(int count, std::size_t body) {
  Buffer out;
  for (int i = 0; i < count; ++i) {
    encode_method(out, 1, method::BasicPublish{.exchange = "", .routing_key = "queue-0001"});
    encode_content(out, 1, std::string_view("\x10\0\x01", 3), std::string(body, 'x'), 131072);
  }
  return std::string(out.view());
}

void BM_decode_publish(benchmark::State& state) {
  Buffer out;
  encode_method(out, 1,
                method::BasicPublish{.exchange = "amq.direct", .routing_key = "queue-0001"});
  Frame frame;
  parse_frame(out.view(), 0, frame);
  std::string_view arguments = frame.payload.substr(4);
  for (auto _ : state) {
    benchmark::DoNotOptimize(arguments);
    method::BasicPublish publish;
    benchmark::DoNotOptimize(decode(arguments, publish));
    benchmark::DoNotOptimize(publish);
  }
}
BENCHMARK(BM_decode_publish);

/// The same by hand, as a yardstick.
void BM_decode_publish_by_hand(benchmark::State& state) {
  Buffer out;
  encode_method(out, 1,
                method::BasicPublish{.exchange = "amq.direct", .routing_key = "queue-0001"});
  Frame frame;
  parse_frame(out.view(), 0, frame);
  std::string_view arguments = frame.payload.substr(4);
  for (auto _ : state) {
    benchmark::DoNotOptimize(arguments);
    method::BasicPublish publish;
    ByteReader in(arguments);
    publish.ticket = in.u16();
    publish.exchange = in.short_string();
    publish.routing_key = in.short_string();
    const std::uint8_t bits = in.u8();
    publish.mandatory = (bits & 1) != 0;
    publish.immediate = (bits & 2) != 0;
    bool ok =
        in.ok() && in.left() == 0 && is_utf8(publish.exchange) && is_utf8(publish.routing_key);
    benchmark::DoNotOptimize(ok);
    benchmark::DoNotOptimize(publish);
  }
}
BENCHMARK(BM_decode_publish_by_hand);

void BM_dispatch_ack(benchmark::State& state) {
  Buffer out;
  encode_method(out, 1, method::BasicAck{.delivery_tag = 77, .multiple = true});
  Frame frame;
  parse_frame(out.view(), 0, frame);
  std::string_view arguments = frame.payload.substr(4);
  MethodId id = method::BasicAck::kId;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(arguments);
    benchmark::DoNotOptimize(id);
    dispatch(id, arguments, [&]<class M>(const M& method) {
      if constexpr (std::is_same_v<M, method::BasicAck>) sum += method.delivery_tag;
    });
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(BM_dispatch_ack);

/// Three frames a message: parse, dispatch, look at the properties.
void BM_parse_publish_stream(benchmark::State& state) {
  const std::string stream = publishes(1000, static_cast<std::size_t>(state.range(0)));
  std::size_t keys = 0;
  for (auto _ : state) {
    std::string_view input = stream;
    Frame frame;
    while (parse_frame(input, 131072, frame) == FrameStatus::kFrame) {
      input.remove_prefix(frame.size());
      if (frame.type == FrameType::kMethod) {
        const auto packed = load_big_endian<std::uint32_t>(frame.payload.data());
        const MethodId id{static_cast<std::uint16_t>(packed >> 16),
                          static_cast<std::uint16_t>(packed)};
        dispatch<method::ToServer>(id, frame.payload.substr(4), [&]<class M>(const M& method) {
          if constexpr (std::is_same_v<M, method::BasicPublish>) keys += method.routing_key.size();
        });
      } else if (frame.type == FrameType::kHeader) {
        HotProperties hot;
        scan(parse_content_header(frame.payload).properties, hot);
        keys += hot.delivery_mode;
      }
    }
  }
  benchmark::DoNotOptimize(keys);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 1000);
}
BENCHMARK(BM_parse_publish_stream)->Arg(16)->Arg(1024);

void BM_write_delivery(benchmark::State& state) {
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  Buffer out;
  std::uint64_t tag = 0;
  for (auto _ : state) {
    encode_method(out, 1,
                  method::BasicDeliver{.consumer_tag = "ctag1.0123456789",
                                       .delivery_tag = ++tag,
                                       .exchange = "",
                                       .routing_key = "queue-0001"});
    encode_content(out, 1, std::string_view("\x10\0\x01", 3), body, 131072);
    if (out.size() > 100'000) out.consume(out.size());
  }
  benchmark::DoNotOptimize(out.size());
}
BENCHMARK(BM_write_delivery)->Arg(16)->Arg(1024);

void BM_scan_full_properties(benchmark::State& state) {
  Properties all;
  all.content_type = "application/json";
  all.delivery_mode = 2;
  all.priority = 0;
  all.correlation_id = "0123456789abcdef";
  all.headers = FieldTable{std::string_view("\x03keyS\0\0\0\x05value", 13)};
  std::string bytes = encode(all);
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    HotProperties hot;
    benchmark::DoNotOptimize(scan(bytes, hot));
    benchmark::DoNotOptimize(hot);
  }
}
BENCHMARK(BM_scan_full_properties);

}  // namespace
}  // namespace polymq::amqp091
