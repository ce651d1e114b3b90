defmodule Bloom.SupervisionTest do
  use ExUnit.Case, async: true

  alias Bloom.Supervision

  defmodule Sup do
    use Supervisor

    def start_link(arg), do: Supervisor.start_link(__MODULE__, arg)

    @impl true
    def init(_arg), do: Supervisor.init([], strategy: :one_for_one)
  end

  test "walks the trees of all applications" do
    assert {:ok, entries} = Supervision.walk(1_000)
    deployment = Process.whereis(Bloom.Deployment)
    assert entry = Enum.find(entries, &(&1.pid == deployment))
    assert {:ok, [Bloom.Deployment]} = Supervision.modules(entry, 1_000)
    assert Supervision.describe(entry) =~ "Bloom.Deployment"
  end

  test "finds the supervisors of a module and what they were started with" do
    assert [supervisor] = Supervision.instances(Bloom.Supervisor)
    assert supervisor == Process.whereis(Bloom.Supervisor)

    sup = start_supervised!({Sup, :an_argument})
    assert Supervision.callback(sup) == Sup
    assert Supervision.init_argument(sup, 1_000) == {:ok, :an_argument}
    assert Supervision.callback(self()) == nil
  end

  test "a dynamic supervisor has no children in its specs" do
    sup = start_supervised!({DynamicSupervisor, strategy: :one_for_one})
    assert Supervision.init_argument(sup, 1_000) == :error
  end

  test "asks an event manager for its handlers" do
    {:ok, manager} = :gen_event.start_link()
    entry = %{supervisor: nil, id: :events, pid: manager, type: :worker, modules: :dynamic}
    assert {:ok, []} = Supervision.modules(entry, 1_000)
    :sys.suspend(manager)
    assert {:error, {:busy, ^entry}} = Supervision.modules(entry, 10)
  end
end
