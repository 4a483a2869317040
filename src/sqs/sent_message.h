// What a sender said of a message besides its body, as the broker keeps it with the message.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "sqs/protocol/arena.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

struct SentMessage {
  std::string_view id{};           // a UUID
  std::string_view body_digest{};  // the MD5 of its body as it was sent; empty: not kept
  std::string_view sender{};
  std::string_view group{};          // empty: none; so are the next two
  std::string_view deduplication{};  // as it was sent, or worked out
  std::string_view trace{};
  MessageAttributes attributes{};
  /// What the broker has added for readers of headers, as fields_json has it; empty: nothing.
  std::string_view headers{};
};

/// Appends its encoding: the message's properties in the dialect of SQS.
void encode(Buffer& out, const SentMessage& message);

/// What stands before all that may be long: views into `bytes`. False: these are no such bytes.
struct SentIds {
  std::string_view id{};
  std::string_view group{};
  std::string_view deduplication{};
};
bool decode_ids(std::string_view bytes, SentIds& ids);

/// Views into `bytes`, the attributes in `arena`. False: these are no such bytes.
bool decode(std::string_view bytes, Arena& arena, SentMessage& message);

/// The group alone, as a view into `bytes`.
std::string_view group_of(std::string_view bytes);

}  // namespace polymq::sqs
