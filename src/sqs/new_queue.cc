// Checking what a queue is made of.
#include "sqs/new_queue.h"

#include "sqs/names.h"

namespace polymq::sqs {

SqsResult<StoredQueue> describe_queue(std::string_view name, TextMap attributes, TextMap tags,
                                      std::int64_t now_s) {
  auto settings = QueueSettings::create(attributes);
  if (!settings) return tl::make_unexpected(std::move(settings.error()));
  if (auto good = check_queue_name(name, settings->is_fifo()); !good) {
    return tl::make_unexpected(std::move(good.error()));
  }
  StoredQueue queue{
      .settings = *std::move(settings), .tags = {}, .created_s = now_s, .changed_s = now_s};
  if (auto good = add_tags(tags, queue); !good) {
    return tl::make_unexpected(std::move(good.error()));
  }
  return queue;
}

// So many that adding them would take long are not even looked at.
SqsResult<void> add_tags(TextMap tags, StoredQueue& queue) {
  constexpr std::size_t kMost = 50;
  const auto too_many = [] {
    return refuse(ErrorCode::kInvalidParameterValue, "A queue has at most 50 tags.");
  };
  if (tags.size() > kMost) return too_many();
  for (const NamedText& tag : tags) {
    if (auto good = check_tag(tag.name, tag.value); !good) return good;
    std::erase_if(queue.tags, [&](const auto& known) { return known.first == tag.name; });
    queue.tags.emplace_back(tag.name, tag.value);
  }
  if (queue.tags.size() > kMost) return too_many();
  return {};
}

std::vector<NamedText> views_of(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<NamedText> views;
  views.reserve(texts.size());
  for (const auto& [name, value] : texts) views.push_back({name, value});
  return views;
}

}  // namespace polymq::sqs
