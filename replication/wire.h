// Fields of messages as bytes: little endian, numbers at their size, texts and lists with a 32-bit count before them.
// A message names its fields once, for both directions:
//     static void fields(auto& codec, auto& m) { codec(m.epoch.value, m.address, m.segments); }
//
// FieldReader never reads outside of what it was given, allocates no more than was received, and after the first
// error is not ok() and leaves everything else as it was.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lmc::replication {

static_assert(std::endian::native == std::endian::little);

class FieldWriter {
 public:
  template <class... Fields>
  void operator()(const Fields&... all) {
    (put(all), ...);
  }
  [[nodiscard]] std::string take() {
    std::string bytes;
    bytes.swap(bytes_);
    return bytes;
  }

 private:
  template <std::unsigned_integral Number>
  void put(Number number) {
    char raw[sizeof number];
    std::memcpy(raw, &number, sizeof number);
    bytes_.append(raw, sizeof number);
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  template <class Element, std::size_t count>
  void put(const std::array<Element, count>& elements) {
    for (const Element& element : elements) put(element);
  }
  template <class Element>
  void put(const std::vector<Element>& elements) {
    put(static_cast<std::uint32_t>(elements.size()));
    for (const Element& element : elements) put(element);
  }
  template <class Message>
  requires std::is_class_v<Message>
  void put(const Message& message) { Message::fields(*this, message); }

  std::string bytes_;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : left_(bytes) {}

  template <class... Fields>
  void operator()(Fields&... all) {
    (get(all), ...);
  }
  // Everything was there, and nothing more.
  [[nodiscard]] bool done() const { return ok_ && left_.empty(); }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  template <std::unsigned_integral Number>
  void get(Number& number) {
    if (left_.size() < sizeof number) ok_ = false;
    if (!ok_) return;
    if constexpr (std::is_same_v<Number, bool>) {
      if (left_.front() != 0 && left_.front() != 1) ok_ = false;
      if (ok_) number = left_.front() == 1;
    } else {
      std::memcpy(&number, left_.data(), sizeof number);
    }
    left_.remove_prefix(sizeof number);
  }
  void get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    if (size > left_.size()) ok_ = false;
    if (!ok_) return;
    text = left_.substr(0, size);
    left_.remove_prefix(size);
  }
  template <class Element, std::size_t count>
  void get(std::array<Element, count>& elements) {
    for (Element& element : elements) get(element);
  }
  template <class Element>
  void get(std::vector<Element>& elements) {
    std::uint32_t size = 0;
    get(size);
    if (size > left_.size()) ok_ = false;  // an element has one byte at least
    for (std::uint32_t i = 0; ok_ && i < size; ++i) get(elements.emplace_back());
  }
  template <class Message>
  requires std::is_class_v<Message>
  void get(Message& message) { Message::fields(*this, message); }

  std::string_view left_;
  bool ok_ = true;
};

}  // namespace lmc::replication
