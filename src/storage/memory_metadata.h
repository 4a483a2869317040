// Declared things kept nowhere: they live in the engine's memory only.
#pragma once

#include <cstddef>

#include "storage/metadata_store.h"

namespace polymq::storage {

/// Every change is as durable as this process the moment it is appended.
class MemoryMetadata final : public MetadataStore {
 public:
  void append(std::uint64_t, std::vector<MetadataChange>) override { ++untold_; }
  void take_ended(std::vector<MetadataEnd>& ended) override {
    ended.insert(ended.end(), untold_, MetadataEnd::kDurable);
    untold_ = 0;
  }

 private:
  std::size_t untold_ = 0;
};

}  // namespace polymq::storage
