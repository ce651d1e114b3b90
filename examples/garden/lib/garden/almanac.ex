defmodule Garden.Almanac do
  @moduledoc "Knows proverbs. Nobody asks, so a later version does without it."

  use Agent

  def start_link(_opts), do: Agent.start_link(__MODULE__, :proverbs, [], name: __MODULE__)

  @doc false
  def proverbs, do: ["April showers bring May flowers"]
end
