namespace Millrace.Generators.Tests;

/// <summary>The sketch's application, whose files are compiled into this assembly too.</summary>
internal static class Sources
{
    public static string[] Desk => [Of("Rows"), Of("Ticket"), Of("OpenTickets"), Of("Reactions")];

    public static string Of(string file)
    {
        using var stream = typeof(Sources).Assembly.GetManifestResourceStream(file)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
