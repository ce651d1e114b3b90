defmodule Bloom.CLI.DistributionTest do
  # That it connects is for the tests on real releases: this VM must not become a node.
  use ExUnit.Case, async: true

  alias Bloom.CLI.Distribution

  test "a node that cannot be reached at all is told from one that does not answer" do
    for {distribution, message} <- [
          {"none", "the node is not distributed (RELEASE_DISTRIBUTION=none)"},
          {"names", "RELEASE_DISTRIBUTION is names"}
        ] do
      environment = %{"RELEASE_NODE" => "garden", "RELEASE_DISTRIBUTION" => distribution}

      assert {:error, %{code: :unreachable, message: ^message, suggestions: [_ | _]}} =
               Distribution.connect(environment)
    end
  end
end
