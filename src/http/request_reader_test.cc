// From octets to a request: what is taken, what is refused and how.
#include "http/request_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::http {
namespace {

class RequestReaderTest : public testing::Test {
 protected:
  /// The status with which a head is refused; 0 when it is not.
  int refusal(std::string_view head) {
    reader_.emplace(limits_);
    const auto refusal = reader_->read_head(head);
    if (refusal) EXPECT_FALSE(refusal->text.empty());
    return refusal ? refusal->status : 0;
  }
  static std::string head(std::string_view first_line, std::string_view fields = "") {
    return std::string(first_line) + "\r\nHost: here\r\n" + std::string(fields) + "\r\n";
  }
  int refusal_of_fields(std::string_view fields) {
    return refusal(head("POST /q HTTP/1.1", fields));
  }
  const Request& request() { return reader_->request(); }

  /// Body octets in pieces of `piece`; the status with which they are refused, or 0.
  int read_body(std::string_view body, std::size_t piece) {
    std::string kept;
    rest_.clear();
    while (!body.empty() && !reader_->complete()) {
      kept += body.substr(0, piece);
      body.remove_prefix(std::min(piece, body.size()));
      std::size_t used = 0;
      if (const auto refusal = reader_->read_body(kept, used)) return refusal->status;
      EXPECT_LE(used, kept.size());
      kept.erase(0, used);
    }
    rest_ = kept + std::string(body);
    return 0;
  }
  /// The same in one piece and in small ones.
  int refusal_of_chunks(std::string_view chunks) {
    int last = -1;
    for (const std::size_t piece : {chunks.size() + 1, std::size_t{1}, std::size_t{3}}) {
      EXPECT_EQ(refusal_of_fields("Transfer-Encoding: chunked\r\n"), 0);
      const int status = read_body(chunks, piece);
      if (last >= 0) EXPECT_EQ(status, last) << chunks << " in pieces of " << piece;
      last = status;
    }
    return last;
  }

  Limits limits_;
  std::optional<RequestReader> reader_;
  std::string rest_;
};

TEST_F(RequestReaderTest, SplitsTheRequestLine) {
  ASSERT_EQ(refusal(head("GET /a%2Fb?x=1&y=?z HTTP/1.1")), 0);
  EXPECT_EQ(request().method(), Method::kGet);
  EXPECT_EQ(request().path(), "/a%2Fb");
  EXPECT_EQ(request().query(), "x=1&y=?z");
  EXPECT_EQ(request().host(), "here");
  EXPECT_FALSE(request().http_1_0());
  EXPECT_TRUE(reader_->complete());
  ASSERT_EQ(refusal(head("GET /? HTTP/1.0")), 0);
  EXPECT_EQ(request().path(), "/");
  EXPECT_EQ(request().query(), "");
  EXPECT_TRUE(request().http_1_0());
}

TEST_F(RequestReaderTest, KnowsMethodsAndPassesOthersOn) {
  const std::pair<const char*, Method> methods[] = {
      {"GET", Method::kGet},         {"HEAD", Method::kHead},     {"POST", Method::kPost},
      {"PUT", Method::kPut},         {"DELETE", Method::kDelete}, {"PATCH", Method::kPatch},
      {"OPTIONS", Method::kOptions}, {"PURGE", Method::kOther},   {"get", Method::kOther},
      {"FOO", Method::kOther}};
  for (const auto& [name, method] : methods) {
    ASSERT_EQ(refusal(head(std::string(name) + " / HTTP/1.1")), 0) << name;
    EXPECT_EQ(request().method(), method) << name;
    EXPECT_EQ(request().method_text(), name);
  }
  EXPECT_EQ(refusal(head("CONNECT here:80 HTTP/1.1")), 501);
}

TEST_F(RequestReaderTest, UnderstandsEveryFormOfATarget) {
  ASSERT_EQ(refusal(head("GET http://there:80/p?q HTTP/1.1")), 0);
  EXPECT_EQ(request().path(), "/p");
  EXPECT_EQ(request().query(), "q");
  EXPECT_EQ(request().host(), "there:80") << "the target comes before the field";
  ASSERT_EQ(refusal(head("GET HTTPS://there HTTP/1.1")), 0);
  EXPECT_EQ(request().path(), "/");
  EXPECT_EQ(request().host(), "there");
  ASSERT_EQ(refusal(head("GET http://there?q=1 HTTP/1.1")), 0);
  EXPECT_EQ(request().path(), "/");
  EXPECT_EQ(request().query(), "q=1");
  ASSERT_EQ(refusal(head("OPTIONS * HTTP/1.1")), 0);
  EXPECT_EQ(request().path(), "*");
  ASSERT_EQ(refusal(head("GET //a HTTP/1.1")), 0);
  EXPECT_EQ(request().path(), "//a");
}

TEST_F(RequestReaderTest, RefusesWhatIsNoRequestLine) {
  for (const char* line :
       {"GET", "GET /", "GET / HTTP/1.1 ", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/11",
        "GET / HTTP/x.1", "GET / http/1.1", "GET / ", "G\"T / HTTP/1.1", "GET * HTTP/1.1",
        "GET a HTTP/1.1", "GET ftp://a/ HTTP/1.1", "GET /a#b HTTP/1.1", "/ HTTP/1.1"}) {
    EXPECT_EQ(refusal(head(line)), 400) << line;
  }
}

TEST_F(RequestReaderTest, OtherVersionsAreToldApart) {
  EXPECT_EQ(refusal(head("GET / HTTP/2.0")), 505);
  EXPECT_EQ(refusal("PRI * HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(refusal(head("GET / HTTP/0.9")), 505);
}

TEST_F(RequestReaderTest, FieldsAreFoundWhateverTheirCase) {
  ASSERT_EQ(refusal_of_fields("X-Amz-Target: AmazonSQS.SendMessage\r\nempty:\r\nE2: \t \r\n"
                              "spaced:  \t a b \t\r\nTwice: 1\r\ntwice: 2\r\n"),
            0);
  EXPECT_EQ(request().header("x-amz-target"), "AmazonSQS.SendMessage");
  EXPECT_EQ(request().header("X-AMZ-TARGET"), "AmazonSQS.SendMessage");
  EXPECT_EQ(request().header("empty"), "");
  EXPECT_EQ(request().header("e2"), "");
  EXPECT_EQ(request().header("spaced"), "a b");
  EXPECT_EQ(request().header("twice"), "1") << "the first";
  EXPECT_EQ(request().header("missing"), std::nullopt);
  ASSERT_EQ(request().header_count(), 7u);
  EXPECT_EQ(request().header_at(6).second, "2");
}

TEST_F(RequestReaderTest, ARequestSurvivesBeingMoved) {
  ASSERT_EQ(refusal(head("GET /p?q HTTP/1.1", "A: b\r\n")), 0);
  const Request moved = reader_->take();
  reader_.reset();
  EXPECT_EQ(moved.path(), "/p");
  EXPECT_EQ(moved.header("a"), "b");
}

TEST_F(RequestReaderTest, RefusesFieldsThatOthersCouldReadDifferently) {
  for (const char* fields :
       {"A : b\r\n", "A b\r\n", ": b\r\n", "A\x01: b\r\n", "A: b\x01\r\n", "A: b\rc\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1, 1\r\n", "Content-Length: +1\r\n", "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n", "Content-Length:\r\n", "Content-Length: 1 1\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Host: there\r\n"}) {
    EXPECT_EQ(refusal_of_fields(fields), 400) << fields;
  }
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n\r\n"), 400) << "no Host";
  EXPECT_EQ(refusal("GET / HTTP/1.0\r\n\r\n"), 0) << "there was none in the old days";
}

TEST_F(RequestReaderTest, RefusesTransferCodingsButChunked) {
  for (const char* coding : {"gzip", "gzip, chunked", "chunked, gzip", "xchunked", "identity",
                             "chunked;a=b", "\"chunked\""}) {
    EXPECT_EQ(refusal_of_fields("Transfer-Encoding: " + std::string(coding) + "\r\n"), 501)
        << coding;
  }
  EXPECT_EQ(refusal_of_fields("Transfer-Encoding: Chunked\r\n"), 0);
  EXPECT_EQ(refusal(head("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n")), 400);
}

TEST_F(RequestReaderTest, KnowsWhetherTheConnectionStays) {
  const auto stays = [&](std::string_view line, std::string_view fields) {
    EXPECT_EQ(refusal(head(line, fields)), 0);
    return reader_->keeps_alive();
  };
  EXPECT_TRUE(stays("GET / HTTP/1.1", ""));
  EXPECT_FALSE(stays("GET / HTTP/1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(stays("GET / HTTP/1.1", "Connection: x, close\r\n"));
  EXPECT_FALSE(stays("GET / HTTP/1.0", ""));
  EXPECT_TRUE(stays("GET / HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_TRUE(stays("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"));
}

TEST_F(RequestReaderTest, KnowsOneExpectation) {
  ASSERT_EQ(refusal_of_fields("Expect: 100-Continue\r\nContent-Length: 1\r\n"), 0);
  EXPECT_TRUE(reader_->expects_continue());
  EXPECT_EQ(refusal_of_fields("Expect: miracles\r\n"), 417);
  ASSERT_EQ(refusal(head("POST / HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n")), 0);
  EXPECT_FALSE(reader_->expects_continue()) << "unknown then";
}

TEST_F(RequestReaderTest, AnOldRequestWithABodyTellsItsLength) {
  EXPECT_EQ(refusal(head("POST / HTTP/1.0")), 411);
  EXPECT_EQ(refusal(head("POST / HTTP/1.1")), 0);
  EXPECT_TRUE(reader_->complete()) << "no body";
}

TEST_F(RequestReaderTest, ABodyHasTheLengthThatWasTold) {
  for (const std::size_t piece : {1u, 2u, 100u}) {
    ASSERT_EQ(refusal_of_fields("Content-Length: 5\r\n"), 0);
    EXPECT_FALSE(reader_->complete());
    ASSERT_EQ(read_body("hello, and more", piece), 0);
    EXPECT_TRUE(reader_->complete());
    EXPECT_TRUE(rest_.ends_with(", and more"));
    EXPECT_EQ(reader_->take().body, "hello");
  }
}

TEST_F(RequestReaderTest, AnAnnouncedSizeReservesLittle) {
  ASSERT_EQ(refusal_of_fields("Content-Length: 8000000\r\n"), 0);
  ASSERT_EQ(read_body("x", 1), 0);
  EXPECT_LE(request().body.capacity(), 70'000u);
}

TEST_F(RequestReaderTest, ALargeBodyIsRefusedBeforeItComes) {
  limits_.max_body = 10;
  EXPECT_EQ(refusal_of_fields("Content-Length: 11\r\n"), 413);
  EXPECT_EQ(refusal_of_fields("Content-Length: 18446744073709551615\r\n"), 413);
  EXPECT_EQ(refusal_of_fields("Content-Length: 10\r\n"), 0);
  EXPECT_EQ(refusal_of_chunks("a\r\n0123456789\r\n0\r\n\r\n"), 0);
  EXPECT_EQ(refusal_of_chunks("b\r\n"), 413);
  EXPECT_EQ(refusal_of_chunks("5\r\n01234\r\n6\r\n"), 413);
}

TEST_F(RequestReaderTest, ChunksMakeABody) {
  const std::string chunks =
      "5\r\nhello\r\n00a;name=value;q=\"x y\"\r\n, and more\r\n0\r\nTrailer: x\r\n\r\nnext";
  for (std::size_t piece = 1; piece <= chunks.size(); ++piece) {
    ASSERT_EQ(refusal_of_fields("Transfer-Encoding: chunked\r\n"), 0);
    ASSERT_EQ(read_body(chunks, piece), 0) << piece;
    ASSERT_TRUE(reader_->complete()) << piece;
    EXPECT_EQ(rest_, "next") << piece;
    EXPECT_FALSE(request().header("Trailer"));
    EXPECT_EQ(reader_->take().body, "hello, and more") << piece;
  }
  ASSERT_EQ(refusal_of_chunks("0\r\n\r\n"), 0);
  EXPECT_TRUE(reader_->complete());
}

TEST_F(RequestReaderTest, RefusesWhatAreNoChunks) {
  for (const char* chunks :
       {"x\r\n", "-1\r\n", "0x5\r\n", "\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
        "11111111111111111\r\n", "5 ;\x01\r\nhello\r\n", "0\r\nA b\r\n\r\n", ";a\r\n",
        "0\r\nContent-Length: 3\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    EXPECT_EQ(refusal_of_chunks(chunks), 400) << chunks;
  }
}

TEST_F(RequestReaderTest, ChunksCannotHideEndlessExtensionsOrTrailers) {
  limits_.max_header = 100;
  EXPECT_EQ(refusal_of_chunks("5;" + std::string(90, 'a') + "\r\nhello\r\n0\r\n\r\n"), 0);
  EXPECT_EQ(refusal_of_chunks("5;" + std::string(200, 'a')), 400);
  EXPECT_EQ(refusal_of_chunks("5;" + std::string(200, 'a') + "\r\nhello\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of_chunks("0\r\nA: " + std::string(200, 'a')), 400);
  EXPECT_EQ(refusal_of_chunks("0\r\nA: " + std::string(200, 'a') + "\r\n\r\n"), 400);
}

}  // namespace
}  // namespace polymq::http
