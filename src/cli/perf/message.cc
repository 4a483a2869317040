// Building and stamping messages.
#include "cli/perf/message.h"

#include <cstring>

#include "amqp091/codec.h"
#include "amqp091/properties.h"
#include "base/bytes.h"
#include "cli/perf/client.h"

namespace polymq::perf {

MessageTemplate::MessageTemplate(const MessageSpec& spec, std::uint32_t frame_max)
    : body_size_(spec.size) {
  amqp091::Properties properties;
  if (spec.persistent) properties.delivery_mode = amqp091::kPersistent;
  if (!spec.reply_to.empty()) properties.reply_to = spec.reply_to;
  const std::string encoded = amqp091::encode(properties);
  Buffer out;
  encode_method(
      out, kChannel,
      method::BasicPublish{
          .exchange = spec.exchange, .routing_key = spec.routing_key, .mandatory = spec.mandatory});
  const std::size_t header = amqp091::content_size(encoded.size(), 0, frame_max);
  body_at_ = out.size() + header + amqp091::kFrameHeaderSize;
  encode_content(out, kChannel, encoded, std::string(spec.size, 'x'), frame_max);
  bytes_ = out.view();
}

void MessageTemplate::write(char* to, Stamp stamp) const {
  std::memcpy(to, bytes_.data(), bytes_.size());
  if (body_size_ < Stamp::kTimeSize) return;
  store_big_endian(to + body_at_, stamp.intended);
  if (body_size_ < Stamp::kSize) return;
  store_big_endian(to + body_at_ + Stamp::kTimeSize, stamp.sequence);
}

bool read_stamp(std::string_view body, Stamp& out, bool& has_sequence) {
  if (body.size() < Stamp::kTimeSize) return false;
  out.intended = load_big_endian<Nanos>(body.data());
  has_sequence = body.size() >= Stamp::kSize;
  if (has_sequence) {
    out.sequence = load_big_endian<std::uint64_t>(body.data() + Stamp::kTimeSize);
  }
  return true;
}

}  // namespace polymq::perf
