// Promises of digests: values that SDKs compute, too.
#include "sqs/digests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace polymq::sqs {
namespace {

std::string hex(std::string_view text) { return std::string(text); }

const MessageAttribute kText{
    .name = "attribName1", .data_type = "String", .string_value = "attribValue 1"};
const MessageAttribute kNumber{.name = "customNumberTypeAttrib",
                               .data_type = "Number.float",
                               .string_value = "4563442423554324324264524243.32543234"};
const MessageAttribute kBytes{
    .name = "binaryAttribute", .data_type = "Binary", .binary_value = "Hello binary world!"};

TEST(Digests, OfBodies) {
  Digests digests;
  EXPECT_EQ(hex(view(digests.md5("msg"))), "6e2baaf3b97dbeef01c0043275f9a0e7");
  EXPECT_EQ(hex(view(digests.md5("hello"))), "5d41402abc4b2a76b9719d911017c592");
  EXPECT_EQ(hex(view(digests.md5(""))), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex(view(digests.sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digests, OfAttributes) {
  Digests digests;
  const auto of = [&](const std::vector<MessageAttribute>& attributes) {
    return hex(view(digests.md5_of_attributes(attributes)));
  };
  EXPECT_EQ(of({{.name = "Foo", .data_type = "String", .string_value = "Bar"}}),
            "ae7155c6026991b6d54b11589678bf9c");
  EXPECT_EQ(of({kText}), "19e27d4e946b072f3f58da80d94fd778");
  EXPECT_EQ(of({kNumber}), "9fe1b90bbd9965bdf77bac517c7d2495");
  EXPECT_EQ(of({kBytes}), "31a92b15d92f8db860eda32aceb656c3");
}

TEST(Digests, OfAttributesDoNotDependOnTheirOrder) {
  Digests digests;
  std::vector<MessageAttribute> attributes{kBytes, kNumber, kText};
  const auto by_name = [](const MessageAttribute& a, const MessageAttribute& b) {
    return a.name < b.name;
  };
  std::sort(attributes.begin(), attributes.end(), by_name);
  do {
    EXPECT_EQ(hex(view(digests.md5_of_attributes(attributes))), "c932db14a896c663f83c260297d594ff");
  } while (std::next_permutation(attributes.begin(), attributes.end(), by_name));
}

TEST(Digests, OfLongValuesAreTheSameAsOfTheirBytesInOnePiece) {
  Digests digests;
  for (const std::size_t size : {900u, 1000u, 1013u, 1020u, 1021u, 5000u}) {
    std::string all;
    std::vector<MessageAttribute> attributes;
    const std::string value(size, 'v');
    const std::vector<std::string> names{"a", "b", "c"};
    const auto add = [&](std::string_view text) {
      all.append({0, 0, static_cast<char>(text.size() >> 8), static_cast<char>(text.size())});
      all.append(text);
    };
    for (const std::string& name : names) {
      attributes.push_back({.name = name, .data_type = "String", .string_value = value});
      add(name);
      add("String");
      all += '\1';
      add(value);
    }
    EXPECT_EQ(hex(view(digests.md5_of_attributes(attributes))), hex(view(digests.md5(all))));
  }
}

TEST(Digests, OfMoreAttributesThanAMessageMayHaveWork) {
  Digests digests;
  std::vector<std::string> names;
  for (int i = 10; i < 40; ++i) names.push_back(std::to_string(i));
  std::vector<MessageAttribute> attributes;
  for (const std::string& name : names) {
    attributes.push_back({.name = name, .data_type = "String", .string_value = "v"});
  }
  const Md5Hex digest = digests.md5_of_attributes(attributes);
  std::reverse(attributes.begin(), attributes.end());
  EXPECT_EQ(digest, digests.md5_of_attributes(attributes));
}

TEST(Hmac, IsThatOfItsSpecification) {
  HmacSha256 hmac(std::string(20, '\x0b'));
  std::string text(64, ' ');
  for (int round = 0; round < 2; ++round) {
    const Sha256Bytes signature = hmac.sign("Hi There");
    write_hex({reinterpret_cast<const unsigned char*>(signature.data()), signature.size()},
              text.data());
    EXPECT_EQ(text, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  }
  hmac.set_key("Jefe");
  const Sha256Bytes signature = hmac.sign("what do ya want for nothing?");
  write_hex({reinterpret_cast<const unsigned char*>(signature.data()), signature.size()},
            text.data());
  EXPECT_EQ(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hmac, AnEmptyKeyIsOne) {
  HmacSha256 empty("");
  HmacSha256 other("x");
  EXPECT_NE(empty.sign("a"), other.sign("a"));
  other.set_key("");
  EXPECT_EQ(empty.sign("a"), other.sign("a"));
}

TEST(Digests, InHexadecimalStandForTheirBytes) {
  Digests digests;
  const Md5Hex hex = digests.md5("text");
  const Md5Bytes bytes = to_bytes(hex);
  EXPECT_EQ(bytes.front(), '\x1c');
  EXPECT_EQ(to_hex(view(bytes)), hex);
}

TEST(SipHashTags, DependOnAllOfKeyAndText) {
  SipHash hash("key");
  const SipHash::Tag tag = hash.sign("some text");
  EXPECT_EQ(SipHash("key").sign("some text"), tag);
  EXPECT_EQ(hash.sign("some text"), tag) << "it goes on with the same key";
  EXPECT_NE(hash.sign("some texT"), tag);
  EXPECT_NE(SipHash("kez").sign("some text"), tag);
  const std::string long_key(40, 'k');
  EXPECT_NE(SipHash(long_key).sign("a"), SipHash(long_key + "k").sign("a"));
}

}  // namespace
}  // namespace polymq::sqs
