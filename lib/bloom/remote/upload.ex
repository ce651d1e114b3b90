defmodule Bloom.Remote.Upload do
  @moduledoc """
  Brings a file to another machine over ssh: under a name of its own first, renamed when its digest is that of the file
  here. One that is there already is not sent again.
  """

  alias Bloom.{Error, Native, Remote}
  alias Bloom.Remote.{Shell, Target}

  # What it says begins with a word of its own, as login shells say things, too.
  @receive ~S"""
  final=$1 temporary=$1.$2.tmp size=$3 wanted=$4;
  digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; };
  is() { sum=$(digest <"$1") && [ "${sum%% *}" = "$wanted" ]; };
  if [ -f "$final" ] && is "$final"; then echo "bloom: there"; exit; fi;
  trap 'rm -f -- "$temporary"' EXIT; trap 'exit 1' HUP INT TERM;
  : >"$temporary" || exit 1;
  echo "bloom: send";
  head -c "$size" >"$temporary" || exit 1;
  [ "$(wc -c <"$temporary")" -eq "$size" ] || exit 1;
  is "$temporary" || { echo "bloom: another"; exit; };
  mv -f -- "$temporary" "$final" && echo "bloom: done"
  """

  @chunk 256 * 1024
  @ssh_failed 255

  @doc """
  Copies `file` to the path `to` of the target. `progress` is called with the bytes that are sent, and with all there are,
  whenever it is another hundredth.
  """
  @spec run(Target.t(), Path.t(), Path.t(), (non_neg_integer(), non_neg_integer() -> term())) ::
          {:ok, :sent | :there} | {:error, Error.t()}
  def run(%Target{} = target, file, to, progress \\ fn _sent, _size -> :ok end) do
    with {:ok, %{bytes: size, sha256: sha256}} <- Native.file_digest(file) do
      # Where the server is killed meanwhile, Bloom removes a file of such a name when it starts, see DurableFile.
      mark = Integer.to_string(:rand.uniform(1_000_000_000))
      words = Remote.command(target, Shell.script(@receive, [to, mark, "#{size}", sha256]))
      # A port that breaks takes its owner along.
      task = Task.async(fn -> transfer(words, file, size, progress) end)
      with {:error, what} <- Task.await(task, :infinity), do: {:error, failed(target, to, what)}
    end
  end

  defp transfer(words, file, size, progress) do
    Process.flag(:trap_exit, true)
    port = Port.open({:spawn_executable, "/bin/sh"}, [:binary, :exit_status, line: 256, args: arguments(words)])

    case said(port) do
      "there" -> {:ok, :there}
      "send" -> send_file(port, file, size, progress)
      ended -> {:error, ended}
    end
  end

  defp arguments(words), do: ["-c", ~S(exec "$@"), "bloom" | words]

  defp send_file(port, file, size, progress) do
    with {:ok, device} <- :file.open(file, [:read, :raw, :binary]),
         ^size <- send_rest(port, device, 0, size, progress) do
      sent(said(port))
    else
      _file_is_another_by_now -> {:error, :changed}
    end
  rescue
    # The port is closed.
    ArgumentError -> sent(said(port))
  end

  defp send_rest(port, device, before, size, progress) do
    case :file.read(device, @chunk) do
      {:ok, chunk} when before + byte_size(chunk) > size ->
        before + byte_size(chunk)

      {:ok, chunk} ->
        true = Port.command(port, chunk)
        sent = before + byte_size(chunk)
        if div(100 * sent, size) > div(100 * before, size), do: progress.(sent, size)
        send_rest(port, device, sent, size, progress)

      _end_or_unreadable ->
        before
    end
  end

  defp sent("done"), do: {:ok, :sent}
  defp sent("another"), do: {:error, :changed}
  # A server that reads no further breaks the pipe, whatever its reason is.
  defp sent(ended) when ended in [:broken, {:status, @ssh_failed}], do: {:error, :broken_off}
  defp sent(ended), do: {:error, ended}

  defp said(port) do
    receive do
      {^port, {:data, {:eol, "bloom: " <> word}}} -> word
      {^port, {:data, _of_others}} -> said(port)
      {^port, {:exit_status, status}} -> {:status, status}
      {:EXIT, ^port, _broken} -> :broken
    end
  end

  # Why stands above: what ssh and the shell say goes to this VM's own standard error.
  defp failed(target, to, {:status, status}) when status != @ssh_failed do
    Error.new(:upload_failed, "#{Path.basename(to)} could not be put into #{Path.dirname(to)} of #{target.host}",
      suggestions: ["see what the server says above, whether this user may write there, and whether there is room"]
    )
  end

  defp failed(_target, to, :changed) do
    Error.new(:upload_failed, "#{Path.basename(to)} was changed here while it was sent",
      suggestions: ["wait until the build that writes it has ended, and try again"]
    )
  end

  defp failed(target, to, :broken_off) do
    Error.new(:upload_failed, "sending #{Path.basename(to)} to #{target.host} broke off",
      suggestions: [
        "see what ssh and the server say above, and whether #{Path.dirname(to)} of the server has room; then try again"
      ]
    )
  end

  defp failed(target, _to, _no_connection) do
    Error.new(:unreachable, "the connection to #{target.host} failed",
      suggestions: ["see what ssh says above; it must be able to log in without asking"]
    )
  end
end
