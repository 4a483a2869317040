// Promises of UUIDs, as text and as numbers, and of sequence numbers.
#include "sqs/uuid.h"

#include <gtest/gtest.h>

#include <string_view>

#include "sqs/digests.h"
#include "sqs/sequence_number.h"

namespace polymq::sqs {
namespace {

TEST(Uuid, GoesToANumberAndBack) {
  constexpr std::string_view kText = "01234567-89ab-4cde-8f01-23456789abcd";
  const engine::MessageId id = to_message_id(kText);
  EXPECT_EQ(id, (engine::MessageId{0x0123456789ab4cde, 0x8f0123456789abcd}));
  EXPECT_EQ(view(to_uuid(id)), kText);
  const Uuid random = random_uuid();
  EXPECT_EQ(to_uuid(to_message_id(view(random))), random);
  EXPECT_NE(random_uuid(), random);
}

TEST(Uuid, OfAPlaceIsAlwaysTheSameAndNobodyElses) {
  const Uuid one = uuid_of_place(7, 9);
  EXPECT_EQ(view(one), "00000007-0000-4000-8000-000000000009");
  EXPECT_EQ(one, uuid_of_place(7, 9));
  EXPECT_NE(one, uuid_of_place(7, 10));
  EXPECT_NE(one, uuid_of_place(8, 9));
  EXPECT_EQ(view(uuid_of_place(0x123456789abcdef, 0xfedcba987654321)),
            "89abcdef-4567-4123-8fed-cba987654321");
}

TEST(SequenceText, HasTwentyDigitsAndGrows) {
  EXPECT_EQ(view(sequence_text(1)), "10000000000000000001");
  EXPECT_LT(view(sequence_text(9)), view(sequence_text(10)));
  EXPECT_LT(view(sequence_text(999'999)), view(sequence_text(std::uint64_t{1} << 62)));
}

}  // namespace
}  // namespace polymq::sqs
