// Promises of queues with groups.
#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Fields kGroups{{"x-message-groups", Value::string("exclusive")}};

}  // namespace
}  // namespace polymq::engine
