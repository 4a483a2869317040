// What the wire side of SQS costs per request: decoding and encoding batches of ten in both
// protocols, digests, receipt handles, signatures.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sqs/digests.h"
#include "sqs/message_checks.h"
#include "sqs/names.h"
#include "sqs/protocol/call.h"
#include "sqs/receipt_handle.h"
#include "sqs/sigv4.h"

namespace polymq::sqs {
namespace {

constexpr std::string_view kRequestId = "00000000-0000-4000-8000-000000000000";
const std::string kQueue = "http://localhost:9324/000000000000/queue-0001";
const std::string kHandle(kReceiptHandleSize, 'h');

/// A request as a connection holds it.
struct Received {
  std::string method = "POST";
  std::string path = "/";
  std::string body;
  std::vector<HeaderView> headers;
  RequestView view() const { return {method, path, "", headers, body}; }
};

Received json_request(std::string_view target, std::string body) {
  return {.body = std::move(body),
          .headers = {{"Host", "localhost:9324"},
                      {"User-Agent", "aws-sdk-js/3.600.0"},
                      {"Content-Type", "application/x-amz-json-1.0"},
                      {"X-Amz-Target", target}}};
}

Received form_request(std::string body) {
  return {.body = std::move(body),
          .headers = {{"Host", "localhost:9324"},
                      {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}};
}

Received send_batch(bool is_json, std::size_t body_size) {
  std::string text = is_json ? "{\"QueueUrl\":\"" + kQueue + "\",\"Entries\":["
                             : "Action=SendMessageBatch&Version=2012-11-05&QueueUrl=" + kQueue;
  const std::string body(body_size, 'x');
  for (int i = 0; i < 10; ++i) {
    const std::string id = std::to_string(i);
    if (is_json) {
      text += (i == 0 ? "" : ",") + ("{\"Id\":\"" + id) + "\",\"MessageBody\":\"" + body + "\"}";
    } else {
      const std::string prefix = "&SendMessageBatchRequestEntry." + std::to_string(i + 1);
      text += prefix + ".Id=" + id + prefix + ".MessageBody=" + body;
    }
  }
  return is_json ? json_request("AmazonSQS.SendMessageBatch", text + "]}") : form_request(text);
}

Received delete_batch(bool is_json) {
  std::string text = is_json ? "{\"QueueUrl\":\"" + kQueue + "\",\"Entries\":["
                             : "Action=DeleteMessageBatch&Version=2012-11-05&QueueUrl=" + kQueue;
  for (int i = 0; i < 10; ++i) {
    const std::string id = std::to_string(i);
    if (is_json) {
      text +=
          (i == 0 ? "" : ",") + ("{\"Id\":\"" + id) + "\",\"ReceiptHandle\":\"" + kHandle + "\"}";
    } else {
      const std::string prefix = "&DeleteMessageBatchRequestEntry." + std::to_string(i + 1);
      text += prefix + ".Id=" + id + prefix + ".ReceiptHandle=" + kHandle;
    }
  }
  return is_json ? json_request("AmazonSQS.DeleteMessageBatch", text + "]}") : form_request(text);
}

AnswerFormat format_of(bool is_json) { return is_json ? AnswerFormat::kJson : AnswerFormat::kXml; }

template <class Action>
void decode(benchmark::State& state, const Received& received) {
  Arena arena;
  for (auto _ : state) {
    arena.reset();
    Call call;
    benchmark::DoNotOptimize(read_call(received.view(), arena, call));
    auto request = read_request<Action>(call, arena);
    if (!request) return state.SkipWithError("not decoded");
    benchmark::DoNotOptimize(request);
    benchmark::DoNotOptimize(check_batch(*request));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * received.body.size()));
}

void BM_decode_send_batch(benchmark::State& state) {
  decode<action::SendMessageBatch>(
      state, send_batch(state.range(0) != 0, static_cast<std::size_t>(state.range(1))));
}
BENCHMARK(BM_decode_send_batch)->ArgNames({"json", "body"})->ArgsProduct({{1, 0}, {100, 1000}});

void BM_decode_delete_batch(benchmark::State& state) {
  decode<action::DeleteMessageBatch>(state, delete_batch(state.range(0) != 0));
}
BENCHMARK(BM_decode_delete_batch)->ArgName("json")->Arg(1)->Arg(0);

void BM_decode_receive(benchmark::State& state) {
  const Received received = json_request(
      "AmazonSQS.ReceiveMessage",
      "{\"QueueUrl\":\"" + kQueue + "\",\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":20}");
  Arena arena;
  for (auto _ : state) {
    arena.reset();
    Call call;
    benchmark::DoNotOptimize(read_call(received.view(), arena, call));
    auto request = read_request<action::ReceiveMessage>(call, arena);
    benchmark::DoNotOptimize(request);
    benchmark::DoNotOptimize(check_ranges(*request));
  }
}
BENCHMARK(BM_decode_receive);

/// Ten messages with a receipt handle and two system attributes each.
void BM_encode_receive(benchmark::State& state) {
  const std::string body(static_cast<std::size_t>(state.range(1)), 'x');
  const std::array attributes{NamedText{"SentTimestamp", "1767323045000"},
                              NamedText{"ApproximateReceiveCount", "1"}};
  const std::vector<action::ReceiveMessage::Message> messages(
      10, {.message_id = kRequestId,
           .receipt_handle = kHandle,
           .md5_of_body = "6e2baaf3b97dbeef01c0043275f9a0e7",
           .body = body,
           .attributes = attributes});
  Buffer out;
  for (auto _ : state) {
    write_answer<action::ReceiveMessage>(out, format_of(state.range(0) != 0),
                                         {.messages = messages}, kRequestId);
    benchmark::DoNotOptimize(out.view());
    out.consume(out.size());
  }
}
BENCHMARK(BM_encode_receive)->ArgNames({"json", "body"})->ArgsProduct({{1, 0}, {100, 1000}});

void BM_encode_send_batch(benchmark::State& state) {
  const std::vector<action::SendMessageBatch::Sent> sent(
      10, {.id = "1",
           .message_id = kRequestId,
           .md5_of_message_body = "6e2baaf3b97dbeef01c0043275f9a0e7"});
  Buffer out;
  for (auto _ : state) {
    write_answer<action::SendMessageBatch>(out, format_of(state.range(0) != 0),
                                           {.successful = sent}, kRequestId);
    benchmark::DoNotOptimize(out.view());
    out.consume(out.size());
  }
}
BENCHMARK(BM_encode_send_batch)->ArgName("json")->Arg(1)->Arg(0);

void BM_encode_delete_batch(benchmark::State& state) {
  const std::vector<action::DoneEntry> done(10, {.id = "1"});
  Buffer out;
  for (auto _ : state) {
    write_answer<action::DeleteMessageBatch>(out, format_of(state.range(0) != 0),
                                             {.successful = done}, kRequestId);
    benchmark::DoNotOptimize(out.view());
    out.consume(out.size());
  }
}
BENCHMARK(BM_encode_delete_batch)->ArgName("json")->Arg(1)->Arg(0);

void BM_check_body(benchmark::State& state) {
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(check_body(body));
}
BENCHMARK(BM_check_body)->Arg(100)->Arg(1000);

void BM_md5_of_body(benchmark::State& state) {
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  Digests digests;
  for (auto _ : state) benchmark::DoNotOptimize(digests.md5(body));
}
BENCHMARK(BM_md5_of_body)->Arg(100)->Arg(1000);

void BM_md5_of_three_attributes(benchmark::State& state) {
  const std::array attributes{
      MessageAttribute{.name = "one", .data_type = "String", .string_value = "value"},
      MessageAttribute{.name = "two", .data_type = "Number", .string_value = "12345"},
      MessageAttribute{.name = "three", .data_type = "Binary", .binary_value = "bytes"}};
  Digests digests;
  for (auto _ : state) benchmark::DoNotOptimize(digests.md5_of_attributes(attributes));
}
BENCHMARK(BM_md5_of_three_attributes);

void BM_write_receipt_handle(benchmark::State& state) {
  ReceiptHandles handles("key");
  ReceiptHandle handle{.queue = 1, .position = 2, .generation = 3};
  for (auto _ : state) {
    ++handle.position;
    benchmark::DoNotOptimize(handles.write(handle));
  }
}
BENCHMARK(BM_write_receipt_handle);

void BM_read_receipt_handle(benchmark::State& state) {
  ReceiptHandles handles("key");
  const ReceiptHandleText text = handles.write({.queue = 1, .position = 2, .generation = 3});
  for (auto _ : state) benchmark::DoNotOptimize(handles.read(view(text), 1));
}
BENCHMARK(BM_read_receipt_handle);

/// A signature that does not match costs what one does that matches.
void BM_verify_signature(benchmark::State& state) {
  Received received = send_batch(true, 100);
  received.headers.push_back({"X-Amz-Date", "20260102T030405Z"});
  received.headers.push_back(
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/sqs/aws4_request, SignedHeaders="
       "content-type;host;x-amz-date;x-amz-target, "
       "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"});
  SignatureVerifier verifier;
  Arena arena;
  const AccessKeys keys = [](std::string_view) { return AccessKey{"secret", ""}; };
  for (auto _ : state) {
    arena.reset();
    benchmark::DoNotOptimize(verifier.verify(received.view(), keys, {}, 1'767'323'045'000, arena));
  }
}
BENCHMARK(BM_verify_signature);

}  // namespace
}  // namespace polymq::sqs
