namespace Millrace;

/// <summary>Durable names become parts of topic and key names, so they are kept to characters every engine takes.</summary>
internal static class Names
{
    public static string Check(string name, string what)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        foreach (var c in name)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '-'))
            {
                throw new ArgumentException(
                    $"The name of the {what} \"{name}\" has the character '{c}'. Use lower case letters, digits and dashes.",
                    nameof(name)
                );
            }
        }
        return name;
    }
}
