// Goal: no text that names a store crashes whoever reads it: URLs are refused with InvalidArgument,
// or give parts that, written again, give the same parts; JSON specs and places are refused or
// opened, and touch nothing.
// Method: the text is read as a URL, then opened by the table of a context, as a URL, as JSON and
// as one that leads through stores. What opens is asked for its name, which is a URL again; a
// memory store for a key, too.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "coffer/kvstore/store_table.h"
#include "coffer/kvstore/stores.h"
#include "src/kvstore/url.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckUrl(std::string_view text) {
  const std::string scheme = coffer::UrlScheme(text);
  const coffer::Result<coffer::Url> url = coffer::Url::Parse(text);
  if (!url.ok()) {
    Require(url.status().code() == coffer::StatusCode::kInvalidArgument);
    return;
  }
  Require(!scheme.empty() && url->scheme == scheme);
  Require(url->path.empty() || url->path[0] == '/');
  const std::string again = scheme + "://" + coffer::EncodeUrlPath(url->authority + url->path);
  const coffer::Result<coffer::Url> same = coffer::Url::Parse(again);
  Require(same.ok() && same->scheme == scheme &&
          same->authority + same->path == url->authority + url->path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckUrl(text);
  const coffer::Context context = coffer::Context::Create({.threads = 1});
  const auto& table = context.Get<coffer::StoreTable>();
  for (const int form : {0, 1, 2}) {
    const auto store = form == 0   ? table.OpenUrl(text, context)
                       : form == 1 ? table.OpenJson(text, context)
                                   : table.OpenAdapted(text, context);
    if (!store.ok()) continue;
    const std::string name = (*store)->Describe("a key");
    if (name.find('|') != std::string::npos) {  // Of a store that is made of another.
      Require(table.IsAdapted(name));
      continue;
    }
    Require(coffer::Url::Parse(name).ok());
    CheckUrl(name);
    if (!name.starts_with("memory://")) continue;  // No file is opened.
    Require((*store)->Read("a key").Get().value().state == coffer::ReadResult::State::kMissing);
  }
  return 0;
}
