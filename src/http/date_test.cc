// The Date field's text.
#include "http/date.h"

#include <gtest/gtest.h>

namespace polymq::http {
namespace {

TEST(DateText, IsWrittenAsTheStandardDoes) {
  DateText date;
  EXPECT_EQ(date.at(784111777000), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date.at(784111777999), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date.at(784111778000), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(date.at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date.at(1709164800000), "Thu, 29 Feb 2024 00:00:00 GMT");
  EXPECT_EQ(date.at(1735689599000), "Tue, 31 Dec 2024 23:59:59 GMT");
}

}  // namespace
}  // namespace polymq::http
