defmodule Bloom.Scratch do
  @moduledoc """
  A directory that is gone afterwards, whatever ends the work in it: an error, Ctrl-C or `kill -KILL`.

  A shell beside the VM makes the directory and removes it when the VM, or the process that works in it, is gone.
  """

  alias Bloom.Error

  # Standard input ends with the port. What still writes into the directory then is being stopped itself.
  @keeper ~S"""
  trap '' HUP INT TERM
  mkdir -m 700 -- "$1" 2>/dev/null || exit 1
  echo made
  while read -r line; do :; done
  for try in 1 2 3 4 5; do
    rm -rf -- "$1" 2>/dev/null && exit
    sleep 1
  done
  """

  @start_timeout_ms 10_000

  @doc """
  Calls the function with the path of a new, empty directory that only this user can look into, and answers what it
  answers.

      iex> {:ok, path} = Bloom.Scratch.run("example", fn path -> {:ok, File.dir?(path) && path} end)
      iex> File.exists?(path)
      false
  """
  @spec run(String.t(), (Path.t() -> result)) :: result | {:error, Error.t()} when result: term()
  def run(name, fun) do
    with {:ok, path} <- path(name), {:ok, port} <- make(path) do
      try do
        fun.(path)
      after
        File.rm_rf(path)
        close(port)
      end
    end
  end

  defp path(name) do
    suffix = Base.encode16(:rand.bytes(8), case: :lower)

    case System.tmp_dir() do
      nil -> {:error, failed("there is no directory for temporary files")}
      dir -> {:ok, Path.join(dir, "bloom-#{name}-#{suffix}")}
    end
  end

  defp make(path) do
    port =
      Port.open({:spawn_executable, "/bin/sh"}, [
        :binary,
        :exit_status,
        :hide,
        line: 64,
        args: ["-c", @keeper, "sh", path]
      ])

    receive do
      {^port, {:data, {:eol, "made"}}} -> {:ok, port}
      {^port, {:exit_status, _status}} -> {:error, failed("#{path} cannot be made")}
    after
      @start_timeout_ms ->
        close(port)
        {:error, failed("#{path} was not made in #{@start_timeout_ms} ms")}
    end
  end

  defp failed(message) do
    Error.new(:no_scratch, message, suggestions: ["name a directory that can be written to in TMPDIR"])
  end

  # The keeper may be gone already, and may have said so.
  defp close(port) do
    if Port.info(port), do: Port.close(port)

    receive do
      {^port, {:exit_status, _status}} -> :ok
    after
      0 -> :ok
    end
  end
end
