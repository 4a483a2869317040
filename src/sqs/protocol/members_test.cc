// Promises that hold for every member of every action, taken from the declarations.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "sqs/protocol/actions.h"
#include "sqs/protocol/reader.h"
#include "sqs/protocol/testing/samples.h"
#include "sqs/protocol/value_writer.h"

namespace polymq::sqs {
namespace {

namespace json = boost::json;
using testing::FormFields;

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

/// Reads a request and checks what the declaration alone can check, as a call does.
struct Decoded {
  explicit Decoded(const Structure& of) : structure(of), object(of.create(arena, 1)) {}

  SqsResult<void> from_json(const json::object& source) {
    text = json::serialize(source);
    auto read = read_json(text, structure, object, arena);
    return read ? check(false) : read;
  }
  SqsResult<void> from_form(const FormFields& fields) {
    text = testing::encoded(fields);
    auto form = parse_form(text, arena);
    if (!form) return tl::make_unexpected(form.error());
    auto read = read_form(*form, structure, object, arena);
    return read ? check(true) : read;
  }
  SqsResult<void> check(bool is_form) {
    auto checked = check_required(structure, object, is_form);
    return checked ? check_ranges(structure, object) : checked;
  }
  json::value as_json() const {
    Buffer out;
    write_json(out, structure, object, JsonNames::kMembers);
    return json::parse(view(out.view()));
  }

  const Structure& structure;
  Arena arena;
  void* object;
  std::string text;
};

template <class Use>
void for_every_member(Use use) {
  for (const ActionInfo& action : all_actions()) {
    for (const Field& field : action.request->fields) {
      SCOPED_TRACE(std::string(action.name) + "." + std::string(field.name));
      use(*action.request, field);
    }
  }
}

/// Entries of batches: their own members, each inside of a whole request.
template <class Use>
void for_every_entry_member(Use use) {
  for_every_member([&](const Structure& structure, const Field& field) {
    if (field.kind != Kind::kStructures) return;
    for (const Field& inner : field.structure->fields) {
      SCOPED_TRACE(std::string(inner.name));
      use(structure, field, inner);
    }
  });
}

void expect_error(const SqsResult<void>& result, ErrorCode code, std::string_view mentioned) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(mentioned), std::string::npos) << result.error().message;
}

/// Parameters of the member, with or without a number behind its name.
FormFields without(FormFields form, const std::string& name) {
  std::erase_if(form, [&](const auto& field) {
    return field.first == name || field.first.starts_with(name + ".");
  });
  return form;
}

TEST(Members, ComeOutAsTheyWentInWithJson) {
  for (const ActionInfo& action : all_actions()) {
    SCOPED_TRACE(std::string(action.name));
    const json::object sample = testing::sample_object(*action.request);
    Decoded decoded(*action.request);
    ASSERT_TRUE(decoded.from_json(sample).has_value());
    EXPECT_EQ(decoded.as_json(), json::value(sample));
  }
}

TEST(Members, ComeOutOfAFormAsTheyDoOfJson) {
  for (const ActionInfo& action : all_actions()) {
    SCOPED_TRACE(std::string(action.name));
    Decoded decoded(*action.request);
    const auto read = decoded.from_form(testing::sample_form(*action.request));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(decoded.as_json(), json::value(testing::sample_object(*action.request)));
  }
}

TEST(Members, MayComeInAnyOrderInAForm) {
  for (const ActionInfo& action : all_actions()) {
    SCOPED_TRACE(std::string(action.name));
    FormFields form = testing::sample_form(*action.request);
    std::reverse(form.begin(), form.end());
    Decoded decoded(*action.request);
    ASSERT_TRUE(decoded.from_form(form).has_value());
    EXPECT_EQ(decoded.as_json(), json::value(testing::sample_object(*action.request)));
  }
}

TEST(Members, AreMissedByNameWhenRequired) {
  for_every_member([](const Structure& structure, const Field& field) {
    json::object sample = testing::sample_object(structure);
    sample.erase(view(field.name));
    const FormFields form = without(testing::sample_form(structure), std::string(field.query_name));
    Decoded by_json(structure);
    Decoded by_form(structure);
    if (!field.is_required) {
      EXPECT_TRUE(by_json.from_json(sample).has_value());
      EXPECT_TRUE(by_form.from_form(form).has_value());
      return;
    }
    expect_error(by_json.from_json(sample), ErrorCode::kMissingParameter, field.name);
    if (field.kind == Kind::kStructures) {
      EXPECT_TRUE(by_form.from_form(form).has_value()) << "an empty batch, refused elsewhere";
    } else {
      expect_error(by_form.from_form(form), ErrorCode::kMissingParameter, field.name);
    }
  });
}

TEST(Members, ThatAreRequiredTextsAreMissedWhenThereAreNone) {
  for_every_member([](const Structure& structure, const Field& field) {
    json::object sample = testing::sample_object(structure);
    if (field.kind == Kind::kTextList) {
      sample[view(field.name)] = json::array();
    } else if (field.kind == Kind::kTextMap) {
      sample[view(field.name)] = json::object();
    } else {
      return;
    }
    Decoded decoded(structure);
    const auto read = decoded.from_json(sample);
    if (!field.is_required) {
      EXPECT_TRUE(read.has_value());
    } else {
      expect_error(read, ErrorCode::kMissingParameter, field.name);
    }
  });
}

TEST(Members, OfEntriesAreMissedWithTheEntrysNumber) {
  for_every_entry_member([](const Structure& structure, const Field& list, const Field& inner) {
    const std::string name = std::string(list.query_name) + ".2." + std::string(inner.query_name);
    json::object sample = testing::sample_object(structure);
    sample[view(list.name)].as_array()[1].as_object().erase(view(inner.name));
    Decoded by_json(structure);
    Decoded by_form(structure);
    const auto json_read = by_json.from_json(sample);
    const auto form_read = by_form.from_form(without(testing::sample_form(structure), name));
    if (!inner.is_required) {
      EXPECT_TRUE(json_read.has_value());
      EXPECT_TRUE(form_read.has_value());
      return;
    }
    expect_error(json_read, ErrorCode::kMissingParameter, name);
    expect_error(form_read, ErrorCode::kMissingParameter, name);
  });
}

TEST(Members, ThatAreNullCountAsAbsent) {
  for_every_member([](const Structure& structure, const Field& field) {
    json::object sample = testing::sample_object(structure);
    sample[view(field.name)] = nullptr;
    Decoded decoded(structure);
    const auto read = decoded.from_json(sample);
    EXPECT_EQ(read.has_value(), !field.is_required);
    if (!read) EXPECT_EQ(read.error().code, ErrorCode::kMissingParameter);
  });
}

json::value of_wrong_type(const Field& field) {
  switch (field.kind) {
    case Kind::kText:
      return 7;
    case Kind::kInteger:
      return "seven";
    default:
      return "text";
  }
}

TEST(Members, OfAnotherTypeAreRefusedByName) {
  for_every_member([](const Structure& structure, const Field& field) {
    json::object sample = testing::sample_object(structure);
    for (const json::value& wrong :
         {of_wrong_type(field), json::value(true), json::value(1.5), json::value(json::array{7})}) {
      sample[view(field.name)] = wrong;
      Decoded decoded(structure);
      expect_error(decoded.from_json(sample), ErrorCode::kSerialization, field.name);
    }
  });
}

TEST(Members, OfEntriesOfAnotherTypeAreRefusedByName) {
  for_every_entry_member([](const Structure& structure, const Field& list, const Field& inner) {
    json::object sample = testing::sample_object(structure);
    sample[view(list.name)].as_array()[1].as_object()[view(inner.name)] = of_wrong_type(inner);
    Decoded decoded(structure);
    expect_error(decoded.from_json(sample), ErrorCode::kSerialization, inner.name);
  });
}

TEST(Members, ThatAreNoNumbersInAFormAreRefusedByName) {
  for_every_member([](const Structure& structure, const Field& field) {
    if (field.kind != Kind::kInteger) return;
    for (const char* wrong : {"", "seven", "7x", "1.5", "99999999999999999999"}) {
      FormFields form = without(testing::sample_form(structure), std::string(field.query_name));
      form.emplace_back(field.query_name, wrong);
      Decoded decoded(structure);
      expect_error(decoded.from_form(form), ErrorCode::kInvalidParameterValue, field.name);
    }
  });
}

TEST(Members, MayBeNumbersInQuotes) {
  for_every_member([](const Structure& structure, const Field& field) {
    if (field.kind != Kind::kInteger) return;
    json::object sample = testing::sample_object(structure);
    sample[view(field.name)] = std::to_string(testing::sample_number(field));
    Decoded decoded(structure);
    ASSERT_TRUE(decoded.from_json(sample).has_value());
    EXPECT_EQ(decoded.as_json(), json::value(testing::sample_object(structure)));
  });
}

TEST(Members, OutsideOfTheirRangeAreRefusedWithValueAndName) {
  int ranges = 0;
  for_every_member([&](const Structure& structure, const Field& field) {
    if (!field.has_range()) return;
    ++ranges;
    for (const std::int64_t value : {field.min - 1, field.min, field.max, field.max + 1}) {
      json::object sample = testing::sample_object(structure);
      sample[view(field.name)] = value;
      Decoded decoded(structure);
      const auto read = decoded.from_json(sample);
      if (value >= field.min && value <= field.max) {
        EXPECT_TRUE(read.has_value()) << value;
      } else {
        expect_error(read, ErrorCode::kInvalidParameterValue,
                     "Value " + std::to_string(value) + " for parameter " +
                         std::string(field.name) + " is invalid. Reason: Must be ");
      }
    }
  });
  EXPECT_EQ(ranges, 9);
}

TEST(Members, OfEntriesOutsideOfTheirRangeFailAlone) {
  int ranges = 0;
  for_every_entry_member([&](const Structure& structure, const Field& list, const Field& inner) {
    if (!inner.has_range()) return;
    ++ranges;
    json::object sample = testing::sample_object(structure);
    sample[view(list.name)].as_array()[1].as_object()[view(inner.name)] = inner.max + 1;
    Decoded decoded(structure);
    ASSERT_TRUE(decoded.from_json(sample).has_value());
    const Elements entries = list.elements(list.member(decoded.object));
    ASSERT_EQ(entries.count, 2u);
    const auto* const first = static_cast<const char*>(entries.first);
    EXPECT_TRUE(check_ranges(*list.structure, first).has_value());
    expect_error(check_ranges(*list.structure, first + list.structure->size),
                 ErrorCode::kInvalidParameterValue, inner.name);
  });
  EXPECT_EQ(ranges, 2);
}

TEST(Members, ThatNobodyDeclaredAreIgnored) {
  for (const ActionInfo& action : all_actions()) {
    SCOPED_TRACE(std::string(action.name));
    json::object sample = testing::sample_object(*action.request);
    const json::object expected = sample;
    sample["Stranger"] = json::object{{"deep", json::array{1, 2.5, nullptr}}};
    Decoded decoded(*action.request);
    ASSERT_TRUE(decoded.from_json(sample).has_value());
    EXPECT_EQ(decoded.as_json(), json::value(expected));
  }
}

}  // namespace
}  // namespace polymq::sqs
