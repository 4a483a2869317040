// Promises of receipt handles: they come back as they were, and nobody else can make one.
#include "sqs/receipt_handle.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::sqs {
namespace {

const ReceiptHandle kHandle{.queue = 7, .position = 1ull << 63, .generation = 3, .life = 9};

std::string text_of(ReceiptHandles& handles, const ReceiptHandle& handle) {
  return std::string(view(handles.write(handle)));
}

HandleFault fault(ReceiptHandles& handles, std::string_view text, std::uint64_t queue = 7) {
  const auto read = handles.read(text, queue);
  EXPECT_FALSE(read.has_value()) << text;
  return read ? HandleFault{} : read.error();
}

TEST(ReceiptHandles, ComeBackAsTheyWere) {
  ReceiptHandles handles("key");
  const std::string text = text_of(handles, kHandle);
  EXPECT_EQ(
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
  const auto read = handles.read(text, 7);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, kHandle);
}

TEST(ReceiptHandles, OfTheSameKeyAreReadByAnother) {
  ReceiptHandles handles("key");
  ReceiptHandles after_restart("key");
  EXPECT_TRUE(after_restart.read(text_of(handles, kHandle), 7).has_value());
}

TEST(ReceiptHandles, OfAnotherKeyAreNotOurs) {
  ReceiptHandles handles("key");
  ReceiptHandles other("other key");
  EXPECT_EQ(fault(handles, text_of(other, kHandle)), HandleFault::kWrongSignature);
}

TEST(ReceiptHandles, OfAnotherQueueAreTold) {
  ReceiptHandles handles("key");
  EXPECT_EQ(fault(handles, text_of(handles, kHandle), 8), HandleFault::kOtherQueue);
}

TEST(ReceiptHandles, ThatWereChangedAnywhereAreRefused) {
  ReceiptHandles handles("key");
  const std::string text = text_of(handles, kHandle);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    const HandleFault found = fault(handles, changed);
    EXPECT_TRUE(found == HandleFault::kWrongSignature || found == HandleFault::kMalformed) << at;
  }
}

TEST(ReceiptHandles, ThatNeverWereAreMalformed) {
  ReceiptHandles handles("key");
  const std::string text = text_of(handles, kHandle);
  for (const std::string& garbage :
       {std::string(), std::string("garbage"), text + "A", text.substr(1), std::string(64, '='),
        std::string(64, '\0'), std::string(64, '/'), std::string(64, 'A')}) {
    EXPECT_EQ(fault(handles, garbage), HandleFault::kMalformed) << garbage;
  }
}

}  // namespace
}  // namespace polymq::sqs
