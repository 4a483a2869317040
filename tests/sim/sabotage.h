// What goes wrong on purpose, to see that it is found.
#pragma once

#include <cstdint>

#include "engine/mail.h"

namespace polymq::sim {

enum class Sabotage : std::uint8_t {
  kNone,
  // Mail between shards.
  kLosePublishes,
  kSwapPublishes,  // a batch is overtaken by the next mail to the same shard
  kLoseConfirms,
  kLoseDeliveries,
  kLoseSettlements,
  kLoseReplies,
  kLoseDeltas,
  kLoseMoveEnds,
  // What mail between shards says.
  kShortenLeases,  // of receives
  kLengthenLeases,
  kShortenWaits,
  kLengthenWaits,
  kForgetAttempts,
  kWidenTokens,  // any will do
  kKeepDeleted,  // it goes back to its queue
  kInventDoubles,
  kShortenWindows,  // and what else a queue was declared with
  kRaiseLimits,
  kDropDelays,
  kForgetGroups,
  kHurryMoves,  // a rate is not kept to
  // What is kept over a restart.
  kLoseMessages,      // some that were durable
  kKeepSettled,       // settlements, though they were durable
  kTearUnits,         // a unit is written in parts
  kLoseMarks,         // what was handed out
  kLoseLeases,        // some that were durable
  kHideLeases,        // a start does not find them,
  kStretchLeases,     // finds that they end later,
  kMixLives,          // or that they are of another life
  kLoseDeclarations,  // the last change of the metadata
  kLoseLetters,       // some messages that died
  kLosePolicies,      // those of the configuration
  kHideFailures,      // the metadata says that it kept what it did not
  // The same, of exchanges.
  kLoseHeld,    // some messages that were held
  kLoseIds,     // some that were seen
  kLoseHistory  // the last message
};

/// Does it lose such mail, or let it be overtaken?
bool loses(Sabotage sabotage, const engine::Mail& mail);
/// Changes what the mail says, if that is of the kind that this falsifies. True if so.
bool falsify(Sabotage sabotage, engine::Mail& mail);

}  // namespace polymq::sim
