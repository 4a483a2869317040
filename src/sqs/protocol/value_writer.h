// A struct's members as JSON or XML, without what an answer wraps around them.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

/// How members are called and maps are laid out in JSON.
enum class JsonNames : bool {
  kMembers,   // as the declaration names members; maps are objects
  kElements,  // as XML names elements; maps are lists of names and values
};

/// Appends `{...}`.
void write_json(Buffer& out, const Structure& structure, const void* object, JsonNames names);

/// Appends one element after the other.
void write_xml(Buffer& out, const Structure& structure, const void* object);

}  // namespace polymq::sqs
