// Every constant reply of the text and meta protocols, spelled once, complete with its line end.
//
// The texts are memcached 1.6.45's; clients and public test suites compare them byte by byte. Where two commands answer
// the same bytes there is one name.
#pragma once

#include <string_view>

namespace lmc::protocol::reply {

inline constexpr std::string_view kCrlf = "\r\n";

// Results.
inline constexpr std::string_view kStored = "STORED\r\n";
inline constexpr std::string_view kNotStored = "NOT_STORED\r\n";
inline constexpr std::string_view kExists = "EXISTS\r\n";
inline constexpr std::string_view kNotFound = "NOT_FOUND\r\n";
inline constexpr std::string_view kDeleted = "DELETED\r\n";
inline constexpr std::string_view kTouched = "TOUCHED\r\n";
inline constexpr std::string_view kEnd = "END\r\n";
inline constexpr std::string_view kOk = "OK\r\n";
inline constexpr std::string_view kReset = "RESET\r\n";
inline constexpr std::string_view kMetaNoop = "MN\r\n";
inline constexpr std::string_view kMetaEnd = "EN\r\n";  // of mgdump and `me`; a meta get's may carry flags

// The line is not understood.
inline constexpr std::string_view kError = "ERROR\r\n";
inline constexpr std::string_view kBadLine = "CLIENT_ERROR bad command line format\r\n";
inline constexpr std::string_view kBadStatsLine =
    "CLIENT_ERROR bad command line\r\n";  // stats cachedump, too few words
inline constexpr std::string_view kDeleteUsage =
    "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
inline constexpr std::string_view kBadExptime = "CLIENT_ERROR invalid exptime argument\r\n";
inline constexpr std::string_view kBadDelta = "CLIENT_ERROR invalid numeric delta argument\r\n";
inline constexpr std::string_view kBadChunk = "CLIENT_ERROR bad data chunk\r\n";

// Meta lines.
inline constexpr std::string_view kBadToken = "CLIENT_ERROR bad token in command line format\r\n";
inline constexpr std::string_view kInvalidFlag = "CLIENT_ERROR invalid flag\r\n";
inline constexpr std::string_view kDuplicateFlag = "CLIENT_ERROR duplicate flag\r\n";
inline constexpr std::string_view kInvalidOrDuplicateFlag = "CLIENT_ERROR invalid or duplicate flag\r\n";
inline constexpr std::string_view kTooManyFlags = "CLIENT_ERROR options flags are too long\r\n";
inline constexpr std::string_view kOpaqueTooLong = "CLIENT_ERROR opaque token too long\r\n";
inline constexpr std::string_view kKeyNotDecodable = "CLIENT_ERROR error decoding key\r\n";
inline constexpr std::string_view kBadMetaSetMode = "CLIENT_ERROR invalid mode for ms M token\r\n";
inline constexpr std::string_view kBadMetaArithmeticMode = "CLIENT_ERROR invalid mode for ma M token\r\n";
inline constexpr std::string_view kBadInitialValue = "CLIENT_ERROR invalid numeric initial value\r\n";
inline constexpr std::string_view kBadDeltaValue = "CLIENT_ERROR invalid numeric delta value\r\n";

// The line is understood and cannot be done.
inline constexpr std::string_view kNotNumeric = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
inline constexpr std::string_view kTooLarge = "SERVER_ERROR object too large for cache\r\n";
inline constexpr std::string_view kOutOfMemoryStoring = "SERVER_ERROR out of memory storing object\r\n";
inline constexpr std::string_view kOutOfMemory = "SERVER_ERROR out of memory\r\n";
inline constexpr std::string_view kOutOfMemoryReading = "SERVER_ERROR out of memory reading request\r\n";
inline constexpr std::string_view kOutOfMemoryGetReply = "SERVER_ERROR out of memory writing get response\r\n";
inline constexpr std::string_view kOutOfMemoryStats = "SERVER_ERROR out of memory writing stats\r\n";
// A backup does not do it (not memcached's).
inline constexpr std::string_view kReadOnly = "SERVER_ERROR read-only\r\n";
inline constexpr std::string_view kPrimaryUnreachable = "SERVER_ERROR primary unreachable\r\n";
inline constexpr std::string_view kTooManyConnections = "ERROR Too many open connections\r\n";
inline constexpr std::string_view kUnauthenticated = "CLIENT_ERROR unauthenticated\r\n";
inline constexpr std::string_view kAuthenticationFailure = "CLIENT_ERROR authentication failure\r\n";

// About the server.
inline constexpr std::string_view kFlushNotAllowed = "CLIENT_ERROR flush_all not allowed\r\n";
inline constexpr std::string_view kShutdownNotEnabled = "SERVER_ERROR: shutdown not enabled\r\n";
inline constexpr std::string_view kBadShutdownMode = "CLIENT_ERROR invalid shutdown mode\r\n";
inline constexpr std::string_view kMemlimitTooSmall = "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n";
inline constexpr std::string_view kMemlimitInMegabytes =
    "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n";
inline constexpr std::string_view kMemlimitNotAdjusted = "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
inline constexpr std::string_view kTlsNotEnabled = "Error TLS not enabled\r\n";

inline constexpr std::string_view kStatsDetailUsage = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";
inline constexpr std::string_view kStatsDetailNotAllowed = "CLIENT_ERROR stats detail not allowed\r\n";
inline constexpr std::string_view kCachedumpNotAllowed = "CLIENT_ERROR stats cachedump not allowed\r\n";
inline constexpr std::string_view kIllegalSlabId = "CLIENT_ERROR Illegal slab id\r\n";

inline constexpr std::string_view kWatchNotAllowed = "CLIENT_ERROR watch commands not allowed\r\n";
inline constexpr std::string_view kWatchPipelined = "ERROR cannot pipeline other commands before watch\r\n";
inline constexpr std::string_view kTooManyWatchers = "WATCHER_TOO_MANY log watcher limit reached\r\n";
inline constexpr std::string_view kWatcherFailed = "WATCHER_FAILED failed to add log watcher\r\n";

inline constexpr std::string_view kCrawlerDisabled = "CLIENT_ERROR lru crawler disabled\r\n";
inline constexpr std::string_view kCrawlerNotStarted = "ERROR failed to start lru crawler thread\r\n";
inline constexpr std::string_view kCrawlerNotStopped = "ERROR failed to stop lru crawler thread\r\n";
inline constexpr std::string_view kCrawlerSleepTooLong = "CLIENT_ERROR sleep must be one second or less\r\n";
inline constexpr std::string_view kCrawlerBusy = "BUSY currently processing crawler request\r\n";
inline constexpr std::string_view kCrawlerBadClass = "BADCLASS invalid class id\r\n";
inline constexpr std::string_view kCrawlerNothing = "NOTSTARTED no items to crawl\r\n";
inline constexpr std::string_view kMetadumpNotAllowed = "ERROR metadump not allowed\r\n";
inline constexpr std::string_view kMgdumpNotAllowed = "ERROR key dump not allowed\r\n";
inline constexpr std::string_view kMetadumpPipelined = "ERROR cannot pipeline other commands before metadump\r\n";
inline constexpr std::string_view kMgdumpPipelined = "ERROR cannot pipeline other commands before mgdump\r\n";

inline constexpr std::string_view kReassignDisabled = "CLIENT_ERROR slab reassignment disabled\r\n";
inline constexpr std::string_view kReassignBusy = "BUSY currently processing reassign request\r\n";
inline constexpr std::string_view kReassignBadClass = "BADCLASS invalid src or dst class id\r\n";
inline constexpr std::string_view kReassignNoSpare = "NOSPARE source class has no spare pages\r\n";
inline constexpr std::string_view kReassignSame = "SAME src and dst class are identical\r\n";
inline constexpr std::string_view kLruPercentTooHigh = "ERROR hot and warm pcts must not exceed 80\r\n";
inline constexpr std::string_view kLruFactorTooLow = "ERROR hot/warm age factors must be greater than 0\r\n";

}  // namespace lmc::protocol::reply
