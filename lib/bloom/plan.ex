defmodule Bloom.Plan do
  @moduledoc """
  How the running release becomes another one, and why.

  Made by comparing the code that is *loaded* in this node with the files of the target; versions alone are
  never believed. The rules stand in the guide "How Bloom decides".
  """

  alias Bloom.{Error, Native, Relup, Root}
  alias Bloom.MigrationTracker.Warnings
  alias Bloom.Validator.Compatibility

  @typedoc "`:hot` while the node runs, `:restart` needs a restart of the VM, `:refuse` cannot be had at all."
  @type decision :: :hot | :restart | :refuse

  @typedoc "Why, in words for people; `code` is stable."
  @type reason :: %{code: String.t(), message: String.t(), application: String.t() | nil, module: String.t() | nil}

  @type module_change :: %{
          name: String.t(),
          change: :added | :changed | :removed,
          load: :load | :update | :supervisor,
          depends_on: [String.t()]
        }

  @type application :: %{
          name: String.t(),
          kind: :own | :dependency | :elixir | :otp,
          change: :unchanged | :added | :removed | :changed,
          from_version: String.t() | nil,
          to_version: String.t() | nil,
          appup: :none | :generated | {:hand_written, Path.t()},
          modules: [module_change()]
        }

  @type t :: %__MODULE__{
          root: Path.t(),
          name: String.t(),
          running: String.t(),
          target: String.t(),
          decision: decision(),
          reasons: [reason()],
          warnings: [reason()],
          applications: [application()],
          protocols: [String.t()],
          target_modules: %{String.t() => binary()}
        }

  @enforce_keys [:root, :name, :running, :target, :decision]
  defstruct [
    :root,
    :name,
    :running,
    :target,
    :decision,
    reasons: [],
    warnings: [],
    applications: [],
    protocols: [],
    target_modules: %{}
  ]

  @typedoc "The code to start from: its ERTS, applications and consolidated protocols, and the digests of what is loaded."
  @type code :: %{
          erts: String.t(),
          apps: [%{name: String.t(), version: String.t(), dir: Path.t()}],
          consolidated: Path.t() | nil,
          loaded: [{String.t(), binary()}]
        }

  @doc """
  Plans the way from what runs in this node to the staged release `target`.

  Reads every beam of the target once (in Rust) and takes some tens of milliseconds for a large release.
  """
  @spec make(Root.t(), String.t()) :: {:ok, t()} | {:error, Error.t()}
  def make(%Root{} = root, target) do
    from(root, target, %{
      erts: to_string(:erlang.system_info(:version)),
      apps: running_apps(root),
      consolidated: consolidated(root),
      loaded: loaded_modules()
    })
  end

  @doc """
  Plans the way from some code, which need not be that of this node. The file of a module counts where it is not in
  `loaded`.

  See `Bloom.Plan.Archives` for a use.
  """
  @spec from(Root.t(), String.t(), code()) :: {:ok, t()} | {:error, Error.t()}
  def from(%Root{} = root, target, code) do
    {loaded, running} = Map.pop!(code, :loaded)

    request = %{
      root: root.path,
      running: Map.put(running, :version, root.running),
      target: target,
      downgrade: Relup.sides(root.running, target).direction == :down,
      loaded: loaded
    }

    with {:ok, native} <- Native.plan(request) do
      {:ok,
       %__MODULE__{
         root: root.path,
         name: root.name,
         running: root.running,
         target: target,
         decision: native.decision,
         reasons: native.reasons,
         warnings: warnings(root, target, native),
         applications: native.applications,
         protocols: native.protocols,
         target_modules: Map.new(native.target_modules)
       }}
    end
  end

  defp warnings(root, target, native) do
    Compatibility.warnings(root.running, target) ++
      native.warnings ++ Warnings.of_plan(root.path, native.applications)
  end

  @doc "The modules that the plan changes, adds or removes, protocols included."
  @spec touched(t()) :: [module()]
  def touched(%__MODULE__{} = plan) do
    names = plan.protocols ++ for app <- plan.applications, module <- app.modules, do: module.name
    Enum.map(names, &String.to_atom/1)
  end

  @doc "Whether a plan changes code of an application."
  @spec changes?(t(), atom()) :: boolean()
  def changes?(%__MODULE__{applications: applications}, app) do
    Enum.any?(applications, &(&1.name == Atom.to_string(app) and &1.modules != []))
  end

  @doc "What the history keeps of a plan: everything but the digests of the target's modules."
  @spec to_map(t()) :: map()
  def to_map(%__MODULE__{} = plan), do: plan |> Map.from_struct() |> Map.delete(:target_modules)

  @doc "The changed modules that are loaded in one way (`:load`, `:update` or `:supervisor`), as atoms."
  @spec changed_modules(t(), :load | :update | :supervisor) :: [module()]
  def changed_modules(%__MODULE__{} = plan, load) do
    for app <- plan.applications,
        %{change: :changed, load: ^load, name: name} <- app.modules,
        do: String.to_atom(name)
  end

  @doc "The reasons of a plan as one text."
  @spec explain(t()) :: String.t()
  def explain(%__MODULE__{reasons: reasons}), do: Enum.map_join(reasons, "; ", & &1.message)

  @doc """
  Proves that this node runs the target: every loaded module of the release has the target's code.

  Returns the modules that do not. Modules outside the release (from a shell, say) do not count.
  """
  @spec unproven_modules(t()) :: [module()]
  def unproven_modules(%__MODULE__{target_modules: target_modules}) do
    for {name, md5} <- loaded_modules(), Map.get(target_modules, name, md5) != md5 do
      String.to_existing_atom(name)
    end
  end

  @doc "Where the consolidated protocols of the running release are, if it has any."
  @spec consolidated(Root.t()) :: Path.t() | nil
  def consolidated(root) do
    dir = Root.release_path(root, root.running, "consolidated")
    if File.dir?(dir), do: dir
  end

  # From the .rel, as applications with the mode :none are in the release and not loaded.
  defp running_apps(root) do
    {:ok, [{:release, _name, _erts, apps}]} = :file.consult(Root.release_path(root, root.running, "#{root.name}.rel"))

    for app <- apps do
      {name, version} = {elem(app, 0), elem(app, 1)}
      %{name: to_string(name), version: to_string(version), dir: Path.join(root.path, "lib/#{name}-#{version}")}
    end
  end

  defp loaded_modules do
    for {module, file} <- :code.all_loaded(), file != [], file != :preloaded do
      {Atom.to_string(module), :erlang.get_module_info(module, :md5)}
    end
  end
end
