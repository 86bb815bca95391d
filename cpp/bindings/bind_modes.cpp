#include <pybind11/stl.h>

#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/modes/design.hpp"
#include "core/modes/floored.hpp"
#include "core/modes/gaussian.hpp"
#include "core/modes/gradient.hpp"
#include "core/modes/recorded.hpp"
#include "core/modes/run.hpp"
#include "core/modes/table.hpp"
#include "core/sampler.hpp"

namespace specsched::bindings {
namespace {

using modes::ArrayXd;
using modes::ArrayXXd;
using modes::Source;
using SourcePointer = std::shared_ptr<Source>;
using Matrix = py::array_t<double, py::array::c_style>;

// A set of modes, and the groups it was made of, so that sets can be merged.
struct Modes {
    std::vector<modes::GroupPointer> groups;
    std::vector<double> shares;
    SourcePointer source;

    Modes(std::vector<modes::GroupPointer> g, std::vector<double> s)
        : groups(std::move(g)), shares(std::move(s)), source(std::make_shared<Source>(groups, shares)) {}
};

ArrayXd vector_of(const Array& values, const char* name, py::ssize_t length = -1) {
    const double* const data = data_of(values, name, length);
    return Eigen::Map<const ArrayXd>(data, values.shape(0));
}
ArrayXXd matrix_of(const Matrix& values, const char* name, py::ssize_t rows = -1) {
    if (values.ndim() != 2 || (rows >= 0 && values.shape(0) != rows))
        throw std::invalid_argument(std::string(name) + " has a wrong shape");
    using RowMajor = Eigen::Array<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const RowMajor>(values.data(), values.shape(0), values.shape(1));
}
std::vector<int> indices_of(const std::vector<int>& values, py::ssize_t length, py::ssize_t below, const char* name) {
    bool good = static_cast<py::ssize_t>(values.size()) == length;
    for (const int value : values) good = good && value >= 0 && value < below;
    if (!good) throw std::invalid_argument(std::string(name) + " must number the rows of what it refers to");
    return values;
}
std::vector<double> levels_of(const Array& sigmas) {
    const LevelsView view = levels_view(sigmas);
    return {view.sigmas, view.sigmas + view.count};
}
Array array_of(const Eigen::VectorXd& values) { return Array(values.size(), values.data()); }
Matrix matrix_array(const Eigen::MatrixXd& values) {
    Matrix out({values.rows(), values.cols()});
    for (Eigen::Index i = 0; i < values.rows(); ++i)
        for (Eigen::Index j = 0; j < values.cols(); ++j) out.mutable_at(i, j) = values(i, j);
    return out;
}

Modes gaussian(const Array& eigenvalues, const Array& multiplicity, const Array& weight, double first) {
    const py::ssize_t n = eigenvalues.shape(0);
    return {{std::make_shared<modes::Gaussian>(vector_of(eigenvalues, "eigenvalues"),
                                               vector_of(multiplicity, "multiplicity", n),
                                               vector_of(weight, "weight", n), first)},
            {1.0}};
}

Modes guided(const Array& cond, const Array& uncond, double scale, const Array& multiplicity, const Array& weight,
             const std::vector<int>& pair, const Array& mean_cond, const Array& mean_uncond, double first) {
    const py::ssize_t n = cond.shape(0), means = mean_cond.shape(0);
    return {{std::make_shared<modes::Guided>(
                vector_of(cond, "cond"), vector_of(uncond, "uncond", n), scale,
                vector_of(multiplicity, "multiplicity", n), vector_of(weight, "weight", n + means),
                modes::Guided::Means{indices_of(pair, means, n, "pair"), vector_of(mean_cond, "mean_cond", means),
                                     vector_of(mean_uncond, "mean_uncond", means)},
                first)},
            {1.0}};
}

Modes recorded(double lowest, double highest, const Matrix& prediction, const std::vector<int>& band,
               const Array& weight, const Matrix& slope, const Matrix& roughness, const Array& variance,
               const Array& dimension) {
    const py::ssize_t n = weight.shape(0), bands = variance.shape(0);
    modes::Recorded::Bands of{matrix_of(slope, "slope", bands), matrix_of(roughness, "roughness", bands),
                              vector_of(variance, "variance"), vector_of(dimension, "dimension", bands)};
    return {{std::make_shared<modes::Recorded>(lowest, highest, matrix_of(prediction, "prediction", n),
                                               indices_of(band, n, bands, "band"), vector_of(weight, "weight"),
                                               std::move(of))},
            {1.0}};
}

Modes floored(const Modes& set, double floor) {
    std::vector<modes::GroupPointer> groups;
    for (const modes::GroupPointer& group : set.groups)
        groups.push_back(std::make_shared<modes::Floored>(group, floor));
    return {std::move(groups), set.shares};
}

Modes merged(const std::vector<const Modes*>& sets, const std::vector<double>& shares) {
    if (sets.size() != shares.size()) throw std::invalid_argument("merged needs one share for each set");
    std::vector<modes::GroupPointer> groups;
    std::vector<double> factors;
    for (std::size_t i = 0; i < sets.size(); ++i)
        for (std::size_t g = 0; g < sets[i]->groups.size(); ++g) {
            groups.push_back(sets[i]->groups[g]);
            factors.push_back(sets[i]->shares[g] * shares[i]);
        }
    return {std::move(groups), std::move(factors)};
}

py::dict answer(const Modes& set, double level, double eta) {
    const modes::Answers a = set.source->answer(level, eta);
    py::dict out;
    out["slope"] = array_of(a.slope.matrix());
    out["slope_d"] = array_of(a.slope_d.matrix());
    out["spread"] = array_of(a.spread.matrix());
    out["spread_d"] = array_of(a.spread_d.matrix());
    out["shift"] = array_of(a.shift.matrix());
    out["shift_d"] = array_of(a.shift_d.matrix());
    return out;
}

Program program_of(const Sampler& sampler, const std::vector<double>& sigmas, double eta, Derivatives derivatives,
                   bool table) {
    return record(sampler.spec, {sigmas.data(), static_cast<std::ptrdiff_t>(sigmas.size())}, eta, derivatives,
                  table ? Parameters::table : Parameters::none);
}

int back_of(const Sampler& sampler) { return std::min(static_cast<int>(sampler.spec.order) - 1, table_slots); }

// Sums of squared errors at the last level: of the solver, and of the errors of predictions.
py::tuple modes_sums(const Modes& set, const Sampler& sampler, const Array& sigmas, double eta) {
    const std::vector<double> levels = levels_of(sigmas);
    modes::Sums sums{};
    {
        py::gil_scoped_release unlock;
        sums = modes::evaluate(*set.source, sampler.spec, levels, eta);
    }
    return py::make_tuple(sums.bias, sums.noise);
}

// bias + noise of every row of levels.
Array modes_losses(const Modes& set, const Sampler& sampler, const Matrix& rows, double eta) {
    if (rows.ndim() != 2 || rows.shape(1) < 2) throw std::invalid_argument("rows must hold at least two levels each");
    std::vector<double> sums(static_cast<std::size_t>(rows.shape(0)));
    {
        py::gil_scoped_release unlock;
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const double* const row = rows.data() + static_cast<std::ptrdiff_t>(i) * rows.shape(1);
            const modes::Sums found = modes::evaluate(*set.source, sampler.spec, {row, row + rows.shape(1)}, eta);
            sums[i] = found.bias + found.noise;
        }
    }
    return Array(static_cast<py::ssize_t>(sums.size()), sums.data());
}

// The distance in data units, the root of bias + noise, and its gradient by sigma.
py::tuple modes_value_and_grad(const Modes& set, const Sampler& sampler, const Array& sigmas, double eta,
                               Process process) {
    const std::vector<double> levels = levels_of(sigmas);
    const modes::Columns columns{static_cast<int>(levels.size()) - 1, 0, false};
    Array gradient = new_array(static_cast<py::ssize_t>(levels.size()));
    double* const slots = gradient.mutable_data();
    double root = 0.0;
    Dual<double, 1> scale;
    {
        py::gil_scoped_release unlock;
        const Program program = program_of(sampler, levels, eta, Derivatives::first, false);
        const modes::SumsAndGradient found = modes::sums_and_gradient(*set.source, program, levels, columns, false);
        root = std::sqrt(found.bias + found.noise);
        scale = signal_scale(process, Dual<double, 1>::variable(levels.back(), 0));
        const double slope = root > 0.0 ? 0.5 * scale.value / root : 0.0;
        for (std::size_t k = 0; k < levels.size(); ++k) slots[k] = slope * found.slopes[static_cast<py::ssize_t>(k)];
        slots[levels.size() - 1] += scale.d[0] * root;
    }
    return py::make_tuple(scale.value * root, gradient);
}

// Rows of errors (modes, then channels of every prediction), and their derivatives by sigma, and by the table's numbers
// if there is one.
py::tuple modes_jacobian(const Modes& set, const Sampler& sampler, const Array& sigmas, double eta) {
    const std::vector<double> levels = levels_of(sigmas);
    const bool table = !sampler.spec.coefficients.empty();
    const modes::Columns columns{static_cast<int>(levels.size()) - 1, table ? back_of(sampler) : 0, false};
    const Program program = program_of(sampler, levels, eta, Derivatives::first, table);
    const modes::Run run(*set.source, program, levels, true);
    Eigen::VectorXd rows(run.bias().size() + run.noise().size());
    rows << run.bias().matrix(), Eigen::Map<const Eigen::VectorXd>(run.noise().data(), run.noise().size());
    return py::make_tuple(array_of(rows), matrix_array(run.jacobian(columns, table)));
}

Matrix greedy_coefficients(const Modes& set, const Array& sigmas, int back, double eta, double limit) {
    return matrix_array(modes::greedy_table(*set.source, levels_of(sigmas), back, eta, limit));
}

Matrix solver_table(const Sampler& sampler, const Array& sigmas) {
    const std::vector<double> levels = levels_of(sigmas);
    return matrix_array(modes::table_of(program_of(sampler, levels, 0.0, Derivatives::none, false), levels));
}

py::dict as_dict(const modes::Found& found) {
    py::dict out;
    out["sigmas"] = Array(static_cast<py::ssize_t>(found.sigmas.size()), found.sigmas.data());
    out["coefficients"] = matrix_array(found.table);
    out["bias"] = found.bias_sum;
    out["noise"] = found.noise_sum;
    out["slope"] = found.slope;
    out["iterations"] = found.iterations;
    out["evaluations"] = found.evaluations;
    out["converged"] = found.converged;
    out["origin"] = found.origin;
    return out;
}

py::dict modes_design(const Modes& set, const Sampler& sampler, int steps, double sigma_max, double sigma_min,
                      double floor, double least_ratio, double eta, double coefficient_limit, const Array& schedule,
                      const Matrix& starts, int max_iterations, double tolerance, int most_starts) {
    modes::Problem problem{
        *set.source, sampler.spec, {sigma_max, sigma_min, floor, least_ratio}, steps, eta, coefficient_limit, {}};
    if (schedule.shape(0) > 0) problem.schedule = levels_of(schedule);
    if (starts.ndim() != 2 || (starts.shape(0) > 0 && starts.shape(1) != steps + 1))
        throw std::invalid_argument("starts must have steps + 1 columns");
    std::vector<std::vector<double>> rows;
    for (py::ssize_t i = 0; i < starts.shape(0); ++i)
        rows.emplace_back(starts.data(i, 0), starts.data(i, 0) + starts.shape(1));
    modes::Found found;
    {
        py::gil_scoped_release unlock;
        found = modes::design(problem, rows, {max_iterations, tolerance, most_starts});
    }
    return as_dict(found);
}

}  // namespace

void bind_modes(py::module_& m) {
    py::class_<Modes>(m, "Modes")
        .def_static("gaussian", &gaussian, py::arg("eigenvalues").noconvert(), py::arg("multiplicity").noconvert(),
                    py::arg("weight").noconvert(), py::arg("first"))
        .def_static("guided", &guided, py::arg("cond").noconvert(), py::arg("uncond").noconvert(), py::arg("scale"),
                    py::arg("multiplicity").noconvert(), py::arg("weight").noconvert(), py::arg("pair"),
                    py::arg("mean_cond").noconvert(), py::arg("mean_uncond").noconvert(), py::arg("first"))
        .def_static("recorded", &recorded, py::arg("lowest"), py::arg("highest"), py::arg("prediction").noconvert(),
                    py::arg("band"), py::arg("weight").noconvert(), py::arg("slope").noconvert(),
                    py::arg("roughness").noconvert(), py::arg("variance").noconvert(), py::arg("dimension").noconvert())
        .def("floored", &floored, py::arg("floor"))
        .def_static("merged", &merged, py::arg("sets"), py::arg("shares"))
        .def_property_readonly("size", [](const Modes& s) { return s.source->size(); })
        .def_property_readonly("channels", [](const Modes& s) { return s.source->channels(); })
        .def("answer", &answer, py::arg("level"), py::arg("eta"))
        .def(
            "solution", [](const Modes& s, double level) { return array_of(s.source->solution(level).matrix()); },
            py::arg("level"))
        .def(
            "flow",
            [](const Modes& s, double level, double last) { return array_of(s.source->flow(level, last).matrix()); },
            py::arg("level"), py::arg("last"));
    const auto run_arguments = [&](const char* name, auto function) {
        m.def(name, function, py::arg("modes"), py::arg("sampler"), py::arg("sigmas").noconvert(), py::arg("eta"));
    };
    run_arguments("modes_sums", &modes_sums);
    m.def("modes_losses", &modes_losses, py::arg("modes"), py::arg("sampler"), py::arg("rows").noconvert(),
          py::arg("eta"));
    m.def("modes_value_and_grad", &modes_value_and_grad, py::arg("modes"), py::arg("sampler"),
          py::arg("sigmas").noconvert(), py::arg("eta"), py::arg("process"));
    run_arguments("modes_jacobian", &modes_jacobian);
    m.def("greedy_coefficients", &greedy_coefficients, py::arg("modes"), py::arg("sigmas").noconvert(), py::arg("back"),
          py::arg("eta"), py::arg("limit"));
    m.def("solver_table", &solver_table, py::arg("sampler"), py::arg("sigmas").noconvert());
    m.def("modes_design", &modes_design, py::arg("modes"), py::arg("sampler"), py::arg("steps"), py::arg("sigma_max"),
          py::arg("sigma_min"), py::arg("floor"), py::arg("least_ratio"), py::arg("eta"), py::arg("coefficient_limit"),
          py::arg("schedule").noconvert(), py::arg("starts").noconvert(), py::arg("max_iterations"),
          py::arg("tolerance"), py::arg("most_starts"));
}

}  // namespace specsched::bindings
