// The lines of a long start.
#include "storage/start_progress.h"

#include "base/log.h"

namespace polymq::storage {

void StartProgress::read(std::size_t segments, std::size_t of, Clock::time_point now) {
  if (now < due_) return;
  due_ = now + kBetween;
  log::Line(log::Area::kStorage, log::Level::kInfo, "reading the journal")
      .with("segments_read", segments)
      .with("segments", of);
}

}  // namespace polymq::storage
