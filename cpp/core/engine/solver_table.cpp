#include "core/engine/solver_table.hpp"

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "core/engine/solvers/ancestral.hpp"
#include "core/engine/solvers/dpm_multistep.hpp"
#include "core/engine/solvers/multistep.hpp"
#include "core/engine/solvers/noise_multistep.hpp"
#include "core/engine/solvers/runge_kutta.hpp"
#include "core/engine/solvers/singlestep.hpp"
#include "core/engine/solvers/unipc.hpp"

namespace specsched {

namespace {

constexpr double unbounded = std::numeric_limits<double>::infinity();

OptionRow number(const char* name, double SolverSpec::* field, double value, double low, double high = unbounded) {
    return {name, field, value, low, high, false};
}
OptionRow integer(const char* name, double SolverSpec::* field, double value, double low, double high) {
    return {name, field, value, low, high, true};
}
OptionRow flag(const char* name, double SolverSpec::* field, bool value) {
    return {name, field, value ? 1.0 : 0.0, 0.0, 1.0, true};
}

// Beyond 1 an ancestral step would have to add more variance than the level has.
OptionRow eta(double value) { return number("eta", &SolverSpec::eta, value, 0.0, 1.0); }
// The SDE solvers take any eta; at 10 a step of a factor 2 has forgotten the sample to 1e-3.
OptionRow sde_eta() { return number("eta", &SolverSpec::eta, 1.0, 0.0, 10.0); }
// The variance of the noise is finite with room to spare; k-diffusion's largest default is 1.007.
OptionRow s_noise(double value = 1.0) { return number("s_noise", &SolverSpec::s_noise, value, 0.0, 1000.0); }
OptionRow order(double value, double high) { return integer("order", &SolverSpec::order, value, 1.0, high); }
OptionRow heun(bool value) { return flag("heun", &SolverSpec::heun, value); }
OptionRow lower_order_final(bool value) { return flag("lower_order_final", &SolverSpec::lower_order_final, value); }
OptionRow euler_at_final() { return flag("euler_at_final", &SolverSpec::euler_at_final, false); }
OptionRow inner_place() {
    OptionRow row = number("r", &SolverSpec::r, 0.5, 0.0, 1.0);
    row.low = 1e-3;
    row.high = 1.0 - 1e-3;
    return row;
}

using Options = std::vector<OptionRow>;

Options with_churn(Options options, double churn = 0.0, double tmin = 0.0, double tmax = unbounded,
                   double noise = 1.0) {
    options.push_back(number("s_churn", &SolverSpec::s_churn, churn, 0.0));
    options.push_back(number("s_tmin", &SolverSpec::s_tmin, tmin, 0.0));
    options.push_back(number("s_tmax", &SolverSpec::s_tmax, tmax, 0.0));
    options.push_back(s_noise(noise));
    return options;
}

Options multistep(Options options, bool lower) {
    options.push_back(lower_order_final(lower));
    options.push_back(euler_at_final());
    return options;
}

template <class Family>
SolverRow row(const char* name, std::vector<std::string> aliases, Options options, bool needs_noise_at_end = false,
              double eta_power = 2.0, bool needs_table = false) {
    return {name,
            std::move(aliases),
            std::move(options),
            needs_noise_at_end,
            eta_power,
            needs_table,
            &Family::template step<double>,
            &Family::template step<First>,
            &Family::template step<Second>};
}

std::vector<SolverRow> make_table() {
    using namespace solvers;
    return {
        row<Ancestral>("ddim", {"euler"},
                       with_churn({eta(0.0), flag("diffusers_churn", &SolverSpec::diffusers_churn, false)})),
        row<Ancestral>("ddpm", {"euler_ancestral"}, {eta(1.0), s_noise()}),
        row<Heun>("heun", {"edm"}, with_churn({})),
        row<Heun>("edm_stochastic", {"heun_churn"}, with_churn({}, 40.0, 0.05, 50.0, 1.003)),
        row<Dpm2>("dpm_2", {"dpm_solver_2", "kdpm2"}, with_churn({})),
        row<Dpm2>("dpm_2_ancestral", {"kdpm2_ancestral"}, {eta(1.0), s_noise()}),
        row<Dpmpp2S>("dpmpp_2s", {}, {inner_place()}),
        row<Dpmpp2S>("dpmpp_2s_ancestral", {}, {eta(1.0), s_noise(), inner_place()}),
        row<Singlestep>("dpmpp_singlestep", {"dpm_solver_singlestep"},
                        {order(2, 3), heun(false), lower_order_final(false)}),
        row<DpmppMultistep>("dpmpp_2m", {"dpm_solver_multistep"}, multistep({order(2, 3), heun(false)}, false)),
        row<DpmppMultistep>("dpmpp_3m", {}, multistep({order(3, 3), heun(false)}, true)),
        row<DpmppSde>("dpmpp_sde", {},
                      {eta(1.0), s_noise(), inner_place(), flag("brownian", &SolverSpec::brownian, true)}),
        row<DpmppMultistep>("dpmpp_2m_sde", {}, multistep({order(2, 3), sde_eta(), s_noise(), heun(false)}, false),
                            false, 1.0),
        row<DpmppMultistep>("dpmpp_2m_sde_heun", {}, multistep({order(2, 3), sde_eta(), s_noise(), heun(true)}, false),
                            false, 1.0),
        row<DpmppMultistep>("dpmpp_3m_sde", {},
                            multistep({order(3, 3), sde_eta(), s_noise(), heun(true),
                                       flag("diffusers_d2", &SolverSpec::diffusers_d2, false)},
                                      false),
                            false, 1.0),
        row<DpmMultistep>("dpm_multistep", {"dpm_solver"}, multistep({order(2, 3), heun(false)}, true), true),
        row<DpmMultistep>("dpm_multistep_sde", {"sde_dpm_solver"},
                          multistep({order(2, 2), sde_eta(), s_noise(), heun(false)}, true), true, 1.0),
        row<UniPC>("unipc", {"uni_pc"},
                   {order(2, 3), integer("bh", &SolverSpec::bh, 2.0, 1.0, 2.0),
                    flag("corrector", &SolverSpec::corrector, true), flag("predict_x0", &SolverSpec::predict_x0, true),
                    lower_order_final(true)}),
        row<Deis>("deis", {}, multistep({order(2, 4)}, true)),
        row<Ipndm>("ipndm", {}, {order(4, 4)}),
        row<Plms>("plms", {"pndm"}, {order(4, 4), flag("skip_prk_steps", &SolverSpec::skip_prk_steps, true)}),
        row<Lms>("lms", {}, {order(4, 4)}),
        row<Multistep>("multistep", {}, {order(3, 1000)}, false, 2.0, true),
    };
}

std::string names() {
    std::string text;
    for (const SolverRow& row : solver_table()) {
        text += (text.empty() ? "" : ", ") + row.name;
        for (const std::string& alias : row.aliases) text += " (= " + alias + ")";
    }
    return text;
}

std::string option_names(const SolverRow& row) {
    std::string text;
    for (const OptionRow& option : row.options) text += (text.empty() ? "" : ", ") + std::string(option.name);
    return text.empty() ? "none" : text;
}

int find_row(const std::string& name) {
    const std::vector<SolverRow>& table = solver_table();
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i].name == name) return static_cast<int>(i);
        for (const std::string& alias : table[i].aliases)
            if (alias == name) return static_cast<int>(i);
    }
    throw std::invalid_argument("unknown sampler '" + name + "'; there are: " + names());
}

void set_option(const SolverRow& row, SolverSpec& spec, const std::string& name, double value) {
    for (const OptionRow& option : row.options) {
        if (name != option.name) continue;
        const bool whole = !option.integer || value == std::floor(value);
        // An infinite s_tmax means no end to the churn; nothing else may be infinite.
        const bool finite = std::isfinite(value) || option.field == &SolverSpec::s_tmax;
        if (!(value >= option.low && value <= option.high) || !whole || !finite) {
            std::ostringstream text;
            text << "option '" << name << "' of sampler '" << row.name << "' is " << value << "; it must be "
                 << (option.integer ? "an integer " : "finite and ") << "from " << option.low << " to " << option.high;
            throw std::invalid_argument(text.str());
        }
        spec.*option.field = value;
        return;
    }
    throw std::invalid_argument("sampler '" + row.name + "' has no option '" + name +
                                "'; its options are: " + option_names(row));
}

}  // namespace

const std::vector<SolverRow>& solver_table() {
    static const std::vector<SolverRow> table = make_table();
    return table;
}

std::vector<SolverInfo> solver_list() {
    std::vector<SolverInfo> list;
    for (const SolverRow& row : solver_table()) {
        SolverInfo info{row.name, row.aliases, {}, false};
        for (const OptionRow& option : row.options) {
            info.options.push_back({option.name, option.value, option.low, option.high, option.integer});
            const bool noise = option.field == &SolverSpec::eta || option.field == &SolverSpec::s_churn;
            info.stochastic = info.stochastic || (noise && option.value > 0.0);
        }
        list.push_back(info);
    }
    return list;
}

SolverSpec parse_solver(const std::string& name, const std::map<std::string, double>& options) {
    SolverSpec spec;
    spec.solver = find_row(name);
    const SolverRow& row = solver_table()[spec.solver];
    for (const OptionRow& option : row.options) spec.*option.field = option.value;
    for (const auto& [option, value] : options) set_option(row, spec, option, value);
    return spec;
}

}  // namespace specsched
