<%@ Page Language="C#" MasterPageFile="~/Master.master" Inherits="Corp.Panel.EditDirectory" %>
<%@ Register TagPrefix="p" Namespace="Corp.Panel" Assembly="Corp.Panel" %>
<asp:Content ContentPlaceHolderID="Body" runat="server">
  <p:Properties runat="server" ServiceUrl="~/DDI/DDIService.svc?schema=OABVirtualDirectory">
    <asp:Label Text="ExternalUrl" runat="server" /><asp:TextBox ID="ExternalUrl" runat="server" />
    <asp:Label Text="OfflineAddressBooks" runat="server" /><asp:TextBox ID="PollInterval" runat="server" />
  </p:Properties>
</asp:Content>
