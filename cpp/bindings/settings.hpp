// The constants of a search by name, for studies that vary them: a user sets none of these.
#pragma once

#include <map>
#include <stdexcept>
#include <string>

#include "core/design/settings.hpp"

namespace specsched::bindings {

// Settings is DesignSettings or const; visit(name, field).
template <class Settings, class Visit>
void each_setting(Settings& s, const Visit& visit) {
    visit("newton.arrived", s.newton.arrived);
    visit("newton.largest_step", s.newton.largest_step);
    visit("newton.keep_away", s.newton.keep_away);
    visit("newton.snap", s.newton.snap);
    visit("newton.closed", s.newton.closed);
    visit("newton.attempts", s.newton.attempts);
    visit("newton.rounding", s.newton.rounding);
    visit("starts.followed", s.starts.followed);
    visit("starts.followed_many", s.starts.followed_many);
    visit("starts.cuts", s.starts.cuts);
    visit("starts.finest_cut", s.starts.finest_cut);
    visit("starts.below_data", s.starts.below_data);
    visit("starts.faint", s.starts.faint);
    visit("starts.off_bounds", s.starts.off_bounds);
    visit("moves.relocations", s.moves.relocations);
    visit("moves.spacing", s.moves.spacing);
    visit("moves.most_places", s.moves.most_places);
    visit("moves.promising", s.moves.promising);
    visit("moves.promising_in_gap", s.moves.promising_in_gap);
    visit("moves.block_moves", s.moves.block_moves);
    visit("moves.block_rounds", s.moves.block_rounds);
    visit("moves.wide_gap", s.moves.wide_gap);
    visit("moves.most_blocks", s.moves.most_blocks);
    visit("moves.hopeless", s.moves.hopeless);
    visit("moves.edges_up_to", s.moves.edges_up_to);
    visit("moves.same_basin", s.moves.same_basin);
    visit("moves.glance", s.moves.glance);
    visit("moves.nearly_there", s.moves.nearly_there);
    visit("hops.explore_iterations", s.hops.explore_iterations);
    visit("hops.followed", s.hops.followed);
    visit("hops.hops", s.hops.hops);
    visit("hops.hops_many", s.hops.hops_many);
    visit("hops.many", s.hops.many);
    visit("hops.jitter", s.hops.jitter);
    visit("hops.drop_up_to", s.hops.drop_up_to);
    visit("hops.drop", s.hops.drop);
    visit("hops.worth_following", s.hops.worth_following);
    visit("tied", s.tied);
    visit("least_gap", s.least_gap);
    visit("lowest_share", s.lowest_share);
    visit("many_levels", s.many_levels);
}

inline std::map<std::string, double> settings_of(const DesignSettings& settings) {
    std::map<std::string, double> values;
    each_setting(settings, [&](const char* name, const auto& field) { values[name] = static_cast<double>(field); });
    return values;
}

inline void set_setting(DesignSettings& settings, const std::string& wanted, double value) {
    bool found = false;
    each_setting(settings, [&](const char* name, auto& field) {
        if (wanted != name) return;
        field = static_cast<std::decay_t<decltype(field)>>(value);
        found = true;
    });
    if (!found) throw std::invalid_argument("there is no setting '" + wanted + "'");
}

}  // namespace specsched::bindings
