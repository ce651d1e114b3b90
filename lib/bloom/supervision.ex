defmodule Bloom.Supervision do
  @moduledoc """
  Walks the supervision trees of all applications as OTP's release handler does, but with a time limit for
  every question, so that a busy supervisor is named instead of hanging the walk.
  """

  alias Bloom.ErrorInterpreter.Words

  @typedoc "A supervised process: its supervisor, the id of its child spec, itself and its modules."
  @type entry :: %{
          supervisor: pid() | nil,
          id: term(),
          pid: pid(),
          type: :worker | :supervisor,
          modules: [module()] | :dynamic
        }

  @doc """
  Every supervised process of the node.

  `{:error, {:busy, entry}}` names the first supervisor that did not answer within `timeout` milliseconds.
  """
  @spec walk(timeout()) :: {:ok, [entry()]} | {:error, {:busy, entry()}}
  def walk(timeout) do
    {:ok, Enum.flat_map(roots(), &walk_entry(&1, timeout))}
  catch
    {:busy, _entry} = busy -> {:error, busy}
  end

  @doc "The supervisors that run a callback module."
  @spec instances(module()) :: [pid()]
  def instances(module) do
    case walk(:infinity) do
      {:ok, entries} -> for %{type: :supervisor, pid: pid} <- entries, callback(pid) == module, do: pid
      {:error, _busy} -> []
    end
  end

  @doc "The callback module of a supervisor, or nil for any other process."
  @spec callback(pid()) :: module() | nil
  def callback(pid) do
    case :proc_lib.translate_initial_call(pid) do
      {:supervisor, module, _arity} -> module
      _other -> nil
    end
  end

  @doc """
  The argument of a running supervisor's `init/1`, from its state. Not for dynamic supervisors, which keep no
  children in their specs.
  """
  @spec init_argument(pid(), timeout()) :: {:ok, term()} | :error
  def init_argument(pid, timeout) do
    case :sys.get_state(pid, timeout) do
      # The last two fields of the state record in OTP's supervisor.erl are module and args.
      state when is_tuple(state) and elem(state, 0) == :state -> {:ok, elem(state, tuple_size(state) - 1)}
      _dynamic -> :error
    end
  catch
    :exit, _reason -> :error
  end

  @doc """
  The modules that a process of the walk says it runs. A gen_event manager is asked for its handlers, as
  its child spec says `:dynamic`.
  """
  @spec modules(entry(), timeout()) :: {:ok, [module()]} | {:error, {:busy, entry()}}
  def modules(%{modules: :dynamic, pid: pid} = entry, timeout) do
    :gen.call(pid, self(), :get_modules, timeout)
  catch
    :exit, :timeout -> {:error, {:busy, entry}}
    :exit, _gone -> {:ok, []}
  end

  def modules(%{modules: modules}, _timeout), do: {:ok, modules}

  @doc "A name for people: the registered name where there is one, the child id and the pid."
  @spec describe(entry()) :: String.t()
  def describe(%{pid: pid, id: id}) do
    case Process.info(pid, :registered_name) do
      {:registered_name, name} when is_atom(name) -> Words.process(pid)
      _none -> "#{Words.of(id)}, #{Words.process(pid)}"
    end
  end

  defp roots do
    for {app, _description, _vsn} <- Application.started_applications(),
        master when is_pid(master) <- [:application_controller.get_master(app)],
        {root, module} when is_pid(root) <- [:application_master.get_child(master)] do
      # The application's module is not what its top supervisor runs.
      %{supervisor: nil, id: app, pid: root, type: :supervisor, modules: [callback(root) || module]}
    end
  end

  defp walk_entry(%{type: :worker} = entry, _timeout), do: [entry]

  defp walk_entry(%{pid: pid} = entry, timeout) do
    children =
      for {id, child, type, modules} <- which_children(entry, timeout), is_pid(child) do
        %{supervisor: pid, id: id, pid: child, type: type, modules: modules}
      end

    [entry | Enum.flat_map(children, &walk_entry(&1, timeout))]
  end

  defp which_children(%{pid: pid} = entry, timeout) do
    GenServer.call(pid, :which_children, timeout)
  catch
    :exit, {:timeout, _call} -> throw({:busy, entry})
    :exit, _gone -> []
  end
end
