// Signs requests for sigv4_test.py: lines of JSON on standard input, a line of headers for each on
// standard output.
//
//   {"method": "GET", "host": "h", "path": "<hex>", "query": [["<hex>", "<hex>"]...],
//    "headers": [["name", "value"]...], "payload": "<hash>", "time": seconds, "region": "r",
//    "service": "s3", "general": false, "id": "a", "secret": "b", "token": ""}
//
// gives {"url": "path?query as they are sent", "headers": [["x-amz-date", "..."]...]}.
#include <cstdio>
#include <iostream>
#include <string>

#include "kvstore/s3/sigv4.h"
#include "src/base/json.h"

namespace coffer {
namespace {

std::string Text(const Json& object, std::string_view name) {
  return object.Find(name)->AsString("$").OrDie();
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

SigV4Pairs Pairs(const Json& list, bool hex) {
  SigV4Pairs pairs;
  for (const Json& pair : list.array()) {
    const std::string& name = pair.array()[0].string();
    const std::string& value = pair.array()[1].string();
    pairs.emplace_back(hex ? FromHex(name) : name, hex ? FromHex(value) : value);
  }
  return pairs;
}

Json SignOne(const Json& ask) {
  const SigV4Request request = {.method = Text(ask, "method"),
                                .host = Text(ask, "host"),
                                .path = FromHex(Text(ask, "path")),
                                .query = Pairs(*ask.Find("query"), true),
                                .headers = Pairs(*ask.Find("headers"), false),
                                .payload_hash = Text(ask, "payload"),
                                .time = std::chrono::system_clock::time_point(
                                    std::chrono::seconds(ask.Find("time")->AsInt64("$").OrDie()))};
  const AwsCredentials credentials = {.access_key_id = Text(ask, "id"),
                                      .secret_access_key = Secret(Text(ask, "secret")),
                                      .session_token = Secret(Text(ask, "token"))};
  const bool general = ask.Find("general")->AsBool("$").OrDie();
  const SigV4Signer signer(Text(ask, "region"), Text(ask, "service"),
                           general ? SigV4Rules::General() : SigV4Rules());
  Json::Array headers;
  for (const auto& [name, value] : signer.Sign(request, credentials).OrDie()) {
    headers.push_back(Json::Array{name, value});
  }
  return Json::Object{{"url", SigV4Path(request.path) + "?" + SigV4Query(request.query)},
                      {"headers", std::move(headers)}};
}

}  // namespace
}  // namespace coffer

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << coffer::SignOne(coffer::Json::Parse(line).OrDie()).Dump() << "\n";
  }
}
