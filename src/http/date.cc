// RFC 9110, 5.6.7: days and months are English, whatever the locale.
#include "http/date.h"

#include <chrono>
#include <cstring>

namespace polymq::http {
namespace {

constexpr char kDays[] = "SunMonTueWedThuFriSat";
constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void put_number(char* to, unsigned value, unsigned digits) {
  for (; digits > 0; value /= 10) to[--digits] = static_cast<char>('0' + value % 10);
}

}  // namespace

void DateText::format(std::int64_t second) {
  using namespace std::chrono;
  second_ = second;
  const sys_seconds time{seconds(second)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const auto of_day = static_cast<unsigned>((time - day).count());
  std::memcpy(text_.data(), "Day, 00 Mon 0000 00:00:00 GMT", kSize);
  std::memcpy(&text_[0], kDays + 3 * weekday(day).c_encoding(), 3);
  put_number(&text_[5], static_cast<unsigned>(date.day()), 2);
  std::memcpy(&text_[8], kMonths + 3 * (static_cast<unsigned>(date.month()) - 1), 3);
  put_number(&text_[12], static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_number(&text_[17], of_day / 3600, 2);
  put_number(&text_[20], of_day / 60 % 60, 2);
  put_number(&text_[23], of_day % 60, 2);
}

}  // namespace polymq::http
