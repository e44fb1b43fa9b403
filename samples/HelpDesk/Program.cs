using HelpDesk;
using HelpDesk.Work;

if (args.Contains("--help"))
{
    Console.WriteLine(Arguments.Help);
    return 0;
}
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
try
{
    return await Commands.RunAsync(Arguments.Parse(args), stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 0;
}
catch (Exception e) when (e is ArgumentException or InvalidOperationException or IOException or MySqlConnector.MySqlException)
{
    // A start that cannot work says why in a line; the rest is a defect and keeps its stack trace.
    Console.Error.WriteLine($"help desk: {e.Message}");
    return 1;
}
