// Fuzz target: HTTP connections. What a client gets does not depend on how its octets were cut;
// whatever it, its service and time do, answers are well-formed and nothing is left behind.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "check.h"
#include "http/testing/client.h"

using namespace polymq;
using namespace polymq::http;

namespace {

/// Small enough to be met.
constexpr Limits kLimits{.max_target = 64,
                         .max_header = 256,
                         .max_header_fields = 8,
                         .max_body = 64,
                         .max_arriving = 1000,
                         .max_output = 700};

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t octet() {
    const std::string_view taken = octets(1);
    return taken.empty() ? 0 : static_cast<std::uint8_t>(taken.front());
  }
  std::string_view octets(std::size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

/// Says what was understood, and nothing that could be taken for a response.
Response tell(const Request& request) {
  std::string body =
      std::to_string(request.method_text().size()) + " " + std::to_string(request.path().size()) +
      " " + std::to_string(request.query().size()) + " " + std::to_string(request.header_count()) +
      " " + std::to_string(std::hash<std::string>{}(request.body));
  Response response{.body = std::move(body)};
  if (request.method() == Method::kHead) response.add("X-Head", "1");
  return response;
}

std::string without_interim(std::string output) {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  for (std::size_t at; (at = output.find(kContinue)) != output.npos;) {
    output.erase(at, kContinue.size());
  }
  return output;
}

std::string heard(std::string_view input, std::size_t piece) {
  TestSite site;
  site.limits = kLimits;
  site.service.immediate = tell;
  TestClient client(site);
  for (; !input.empty(); input.remove_prefix(std::min(piece, input.size()))) {
    client.send(input.substr(0, piece));
  }
  return without_interim(client.responses.unread()) + (client.output_shut() ? "end" : "");
}

class Run {
 public:
  Run() {
    site_.limits = kLimits;
    connect();
  }
  ~Run() {
    site_.service.waiting.clear();
    client_->reads = true;
    client_->output_ready();
    client_->run();
    check_responses();
    client_.reset();
    FUZZ_CHECK(site_.get().arriving == 0);
    FUZZ_CHECK(site_.admission.inside == 0);
  }

  void act(Script& script) {
    const std::uint8_t what = script.octet();
    switch (what & 15) {
      case 0:
        client_->pass(std::chrono::milliseconds(script.octet() * 256));
        break;
      case 1:
        answer([](const Request& request) { return tell(request); });
        break;
      case 2:
        answer([](const Request& request) {
          Response response = tell(request);
          response.body.append(2000, 'x');
          return response;
        });
        break;
      case 3:
        if (!site_.service.waiting.empty())
          site_.service.waiting.erase(site_.service.waiting.begin());
        break;
      case 4:
        client_->end();
        break;
      case 5:
        client_->break_off();
        break;
      case 6:
        client_->connection().force_close("enough");
        break;
      case 7:
        client_->reads = !client_->reads;
        client_->output_ready();
        break;
      case 8:
        site_.service.watches = !site_.service.watches;
        break;
      default:
        client_->send(script.octets(script.octet()));
    }
    client_->run();
    if (client_->closed()) connect();
  }

 private:
  void connect() {
    if (client_) check_responses();
    client_.reset();
    client_ = std::make_unique<TestClient>(site_);
  }

  void answer(const std::function<Response(const Request&)>& make) {
    auto& waiting = site_.service.waiting;
    if (waiting.empty()) return;
    TestService::Waiting first = std::move(waiting.front());
    waiting.erase(waiting.begin());
    first.exchange.answer(make(first.request));
  }

  void check_responses() {
    ResponseReader& reader = client_->responses;
    bool over = false;
    while (!reader.unread().empty()) {
      const bool head =
          reader.unread().substr(0, reader.unread().find("\r\n\r\n")).find("X-Head") !=
          std::string::npos;
      const auto read = reader.next(head);
      if (!read) break;
      FUZZ_CHECK(!over);
      over = read->header("Connection") == "close";
    }
    FUZZ_CHECK(reader.error().empty());
  }

  TestSite site_;
  std::unique_ptr<TestClient> client_;
};

}  // namespace

// The first octet: how to cut the same octets, or 0 for a play of client, service and time.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script script(data, size);
  const std::size_t piece = script.octet();
  if (piece != 0) {
    const std::string_view input = script.octets(SIZE_MAX);
    FUZZ_CHECK(heard(input, SIZE_MAX) == heard(input, piece));
    return 0;
  }
  Run run;
  while (!script.empty()) run.act(script);
  return 0;
}
