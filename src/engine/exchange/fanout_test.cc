// Promises of the fanout exchange.
#include "engine/exchange/fanout.h"

#include <gmock/gmock.h>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;

TEST(FanoutExchange, EverythingBoundGetsEveryKeyUntilUnbound) {
  FanoutMatcher fanout;
  fanout.add(queue(1), "a", {});
  fanout.add(queue(1), "b", {});
  fanout.add(queue(2), "", {});
  EXPECT_THAT(matched(fanout, "whatever"), ElementsAre(1, 2));
  fanout.remove(queue(1), "a", {});
  EXPECT_THAT(matched(fanout, "whatever"), ElementsAre(1, 2));
  fanout.remove(queue(1), "b", {});
  EXPECT_THAT(matched(fanout, "whatever"), ElementsAre(2));
}

}  // namespace
}  // namespace polymq::engine
