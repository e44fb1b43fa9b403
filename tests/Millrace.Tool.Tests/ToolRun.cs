using System.Text;

namespace Millrace.Tool;

/// <summary>One call of the command in this process.</summary>
sealed record ToolRun(int ExitCode, string Output, string Errors)
{
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public static async Task<ToolRun> Of(params string[] args)
    {
        using var data = new MemoryStream();
        var (text, errors) = (new StringWriter(), new StringWriter());
        var code = await CommandLine.RunAsync(args, data, text, errors, TestContext.Current.CancellationToken);
        return new(code, Encoding.UTF8.GetString(data.ToArray()) + text, errors.ToString());
    }
}
