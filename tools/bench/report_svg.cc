#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "tools/bench/report.h"

namespace lmc::bench {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 500;
constexpr double kLeft = 78;
constexpr double kRight = 44;
constexpr double kTop = 74;
constexpr double kBottom = 62;
constexpr std::array<const char*, 4> kColours = {"#1f6fb2", "#d1603d", "#3a8f5c", "#7d5ba6"};

// x: the share above the percentile, as a power of ten: 0 is p0, 1 is p90, 2 is p99. y: log10 of microseconds.
struct Axes {
  double x_max = 3;
  double y_min = 0;
  double y_max = 3;

  [[nodiscard]] double x(double nines) const { return kLeft + nines / x_max * (kWidth - kLeft - kRight); }
  [[nodiscard]] double y(double log_us) const {
    return kHeight - kBottom - (log_us - y_min) / (y_max - y_min) * (kHeight - kTop - kBottom);
  }
};

template <typename... Values>
void add(std::string& out, const char* format, Values... values) {
  char text[500];
  std::snprintf(text, sizeof(text), format, values...);
  out.append(text).append("\n");
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

double log_us(std::uint64_t ns) {
  return std::log10(std::max(static_cast<double>(ns), 10.0) / 1e3);
}

Axes axes_for(const std::vector<Curve>& curves) {
  Axes axes;
  double low = 9;
  double high = -9;
  std::uint64_t most = 10;
  for (const Curve& curve : curves) {
    if (curve.latency_ns.count() == 0) continue;
    most = std::max(most, curve.latency_ns.count());
    low = std::min(low, log_us(curve.latency_ns.at(0.01)));
    high = std::max(high, log_us(curve.latency_ns.max()));
  }
  if (low > high) low = 0, high = 1;
  axes.x_max = std::clamp(std::log10(static_cast<double>(most)), 1.0, 6.0);
  // To the ticks 1, 2, 5 around.
  axes.y_min = std::floor(low * 3) / 3;
  axes.y_max = std::max(std::ceil(high * 3) / 3, axes.y_min + 1.0 / 3);
  return axes;
}

std::string time_label(double us) {
  char text[32];
  if (us < 1000) {
    std::snprintf(text, sizeof(text), "%g µs", us);
  } else if (us < 1e6) {
    std::snprintf(text, sizeof(text), "%g ms", us / 1e3);
  } else {
    std::snprintf(text, sizeof(text), "%g s", us / 1e6);
  }
  return text;
}

void grid(std::string& out, const Axes& axes) {
  for (int decade = -2; decade <= 8; ++decade) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double us = step * std::pow(10.0, decade);
      const double at = std::log10(us);
      if (at < axes.y_min - 0.01 || at > axes.y_max + 0.01) continue;
      add(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s'/>", kLeft, kWidth - kRight, axes.y(at),
          axes.y(at), step == 1.0 ? "#c9ced6" : "#e8ebef");
      add(out, "<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>", kLeft - 8, axes.y(at) + 4,
          time_label(us).c_str());
    }
  }
  static constexpr std::array<std::pair<const char*, double>, 9> kMarks = {{{"0", 1},
                                                                            {"50 %", 0.5},
                                                                            {"90 %", 1e-1},
                                                                            {"95 %", 0.05},
                                                                            {"99 %", 1e-2},
                                                                            {"99.9 %", 1e-3},
                                                                            {"99.99 %", 1e-4},
                                                                            {"99.999 %", 1e-5},
                                                                            {"99.9999 %", 1e-6}}};
  for (const auto& [label, above] : kMarks) {
    const double nines = -std::log10(above);
    if (nines > axes.x_max + 0.01) continue;
    add(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#e0e4e9'/>", axes.x(nines), axes.x(nines), kTop,
        kHeight - kBottom);
    add(out, "<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>", axes.x(nines), kHeight - kBottom + 18, label);
  }
}

void draw_curve(std::string& out, const Axes& axes, const Histogram& latency, const char* colour) {
  std::string points;
  constexpr int kSteps = 400;
  for (int i = 0; i <= kSteps; ++i) {
    const double nines = axes.x_max * i / kSteps;
    const double above = std::pow(10.0, -nines);
    if (above * static_cast<double>(latency.count()) < 1) break;  // no sample lies beyond
    char point[48];
    std::snprintf(point, sizeof(point), "%.1f,%.1f ", axes.x(nines),
                  std::clamp(axes.y(log_us(latency.at(1 - above))), kTop, kHeight - kBottom));
    points += point;
  }
  out += "<polyline fill='none' stroke-width='2.2' stroke-linejoin='round' stroke='" + std::string(colour) +
         "' points='" + points + "'/>\n";
}

}  // namespace

std::string svg_picture(std::string_view title, std::string_view subtitle, const std::vector<Curve>& curves) {
  const Axes axes = axes_for(curves);
  std::string out;
  add(out,
      "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' viewBox='0 0 %.0f %.0f' "
      "font-family='Helvetica, Arial, sans-serif' font-size='12' fill='#3a4049'>",
      kWidth, kHeight, kWidth, kHeight);
  add(out, "<rect width='%.0f' height='%.0f' fill='white'/>", kWidth, kHeight);
  out += "<text x='24' y='30' font-size='18' font-weight='bold' fill='#20252c'>" + escaped(title) + "</text>\n";
  out += "<text x='24' y='50' fill='#6a717c'>" + escaped(subtitle) + "</text>\n";
  grid(out, axes);
  std::size_t drawn = 0;
  for (const Curve& curve : curves) {
    if (curve.latency_ns.count() == 0) continue;
    const char* const colour = kColours[drawn % kColours.size()];
    draw_curve(out, axes, curve.latency_ns, colour);
    const double y = kTop + 20 + 20 * static_cast<double>(drawn);
    add(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' stroke-width='3'/>", kLeft + 16, kLeft + 40, y,
        y, colour);
    out += "<text x='" + std::to_string(kLeft + 48) + "' y='" + std::to_string(y + 4) + "'>" + escaped(curve.name) +
           "</text>\n";
    ++drawn;
  }
  add(out, "<text x='%.1f' y='%.1f' text-anchor='middle' font-size='13'>percentile (logarithmic towards 100 %%)</text>",
      (kLeft + kWidth - kRight) / 2, kHeight - 16);
  add(out, "<text transform='translate(18 %.1f) rotate(-90)' text-anchor='middle' font-size='13'>latency</text>",
      (kTop + kHeight - kBottom) / 2);
  out += "</svg>\n";
  return out;
}

}  // namespace lmc::bench
