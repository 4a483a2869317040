// The part of the codec that need not be in a header.
#include "amqp091/codec.h"

namespace polymq::amqp091 {
namespace {

template <class... M>
std::string_view name_among(std::tuple<M...>*, MethodId id) {
  std::string_view name;
  (void)((id == M::kId && (name = M::kName, true)) || ...);
  return name;
}

}  // namespace

std::string_view method_name(MethodId id) {
  return name_among(static_cast<method::All*>(nullptr), id);
}

}  // namespace polymq::amqp091
